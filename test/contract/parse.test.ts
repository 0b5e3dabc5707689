import assert from "node:assert/strict";
import { z } from "zod";
import {
  check,
  containerSpecSchema,
  faultText,
  parse,
  parseJson,
  pathText,
  policySchema,
  scheduleSchema,
} from "../../provider/contract";
import { policyOf, specOf } from "../sim/group";

function faultsOf(schema: z.ZodType, value: unknown): string[] {
  const result = check(schema, value);
  return result.ok ? [] : result.faults.map(faultText);
}

describe("A value that is not what was expected", () => {
  const spec = specOf();

  it("is told with the path to it, what was expected and what was found", () => {
    const policy = policyOf({ hosts: ["a", "b"] });
    const hosts = [policy.hosts[0], { ...policy.hosts[1], address: "10.0.0" }];
    assert.deepEqual(faultsOf(policySchema, { ...policy, hosts }), [
      'hosts[1].address: expected an IP address, got "10.0.0"',
    ]);
    assert.deepEqual(faultsOf(containerSpecSchema, { ...spec, virtualIps: [] }).length, 1);
    assert.match(
      faultsOf(containerSpecSchema, { ...spec, incarnation: "one" })[0]!,
      /^incarnation: expected number, got "one"$/,
    );
    assert.match(
      faultsOf(containerSpecSchema, { ...spec, stack: undefined })[0]!,
      /^stack: expected string, got nothing$/,
    );
  });

  it("is told as an unknown key by the key's own path", () => {
    const workload = { ...spec.workload, privileged: true, binds: [] };
    assert.deepEqual(faultsOf(containerSpecSchema, { ...spec, workload }).sort(), [
      "workload.binds: unknown key",
      "workload.privileged: unknown key",
    ]);
  });

  it("is told as a sentence where a rule spans several keys", () => {
    const probe = { http: { port: 80 }, tcp: { port: 80 } };
    assert.deepEqual(faultsOf(containerSpecSchema, { ...spec, probes: [probe] }), [
      "probes[0]: expected exactly one of http, tcp and exec",
    ]);
  });

  it("is told with what each alternative expected", () => {
    const [fault] = faultsOf(containerSpecSchema, { ...spec, standbys: "two" });
    assert.match(fault!, /^standbys: .+ or .+, got "two"$/);
  });

  it("lists every fault, not only the first", () =>
    assert.equal(faultsOf(containerSpecSchema, { ...spec, name: "No!", stack: 1 }).length, 2));

  it("is shortened where it is long", () => {
    const [fault] = faultsOf(z.strictObject({ a: z.number() }), { a: "x".repeat(500) });
    assert.ok(fault!.length < 120, fault);
  });

  it("makes parse throw one error that names the input", () => {
    assert.throws(() => parse(scheduleSchema, { intervalMs: 1 }, "the schedule of db"), {
      message: /^the schedule of db is not valid: intervalMs: .*; stack: /,
    });
    assert.throws(() => parseJson(scheduleSchema, "{", "/etc/x.json"), {
      message: /^\/etc\/x\.json is not JSON: /,
    });
  });

  it("is not found in what is right, which comes back with its defaults", () => {
    assert.deepEqual(parse(scheduleSchema, { cron: "* * * * *", stack: "s" }, "it"), {
      cron: "* * * * *",
      retain: 1,
      stack: "s",
    });
  });
});

describe("A path", () => {
  it("is written as in the program", () => {
    assert.equal(pathText(["hosts", 1, "connection", "port"]), "hosts[1].connection.port");
    assert.equal(pathText([]), "");
    assert.equal(pathText([0, "a"]), "[0].a");
  });
});
