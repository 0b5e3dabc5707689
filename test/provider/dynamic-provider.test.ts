import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNKNOWN } from "../../provider/frame/unknown";
import { stub } from "../../sdk/thin-provider";
import { ProviderFailure, type ProviderProcess, startProviderProcess } from "../support/provider-process";
import { startSshServer } from "../support/ssh-server";
import { until } from "../support/until";

const __provider = stub("Host");
const nobody = { host: "127.0.0.1", port: 1, insecure: true, password: "hunter22", dialErrorLimit: 1 };
const news = { name: "a", connection: nobody, address: "10.0.0.11", __provider };

describe("Pulumi's own provider process", function () {
  this.timeout(30_000);
  let cache: string;
  let provider: ProviderProcess;
  const compiled = () => readdirSync(cache, { recursive: true }).length;
  before(async () => {
    cache = mkdtempSync(join(tmpdir(), "compiled-"));
    provider = await startProviderProcess({ NODE_COMPILE_CACHE: cache });
  });
  after(async () => {
    await provider.stop();
    rmSync(cache, { recursive: true });
  });

  it("keeps what Node compiled for the next run at its first call: it is killed like every provider process", async () => {
    const before = compiled();
    await provider.check(news);
    assert.ok(compiled() > before + 100, `${compiled()} files after ${before} before its first call`);
  });

  it("finds the handlers of every kind through the constant stub", async () => {
    for (const kind of [
      "Host",
      "HaGroup",
      "HeartbeatAgent",
      "ProtectedContainer",
      "CheckpointSchedule",
      "AntiAffinityRule",
      "AffinityRule",
    ]) {
      const { failures } = await provider.check({ nonsense: 1, __provider: stub(kind) });
      assert.ok(
        failures.some((failure) => failure.reason === "nonsense: unknown key"),
        kind,
      );
    }
  });

  it("gives back checked inputs with defaults and the stub", async () => {
    const { inputs, failures } = await provider.check(news);
    assert.deepEqual(failures, []);
    assert.equal(inputs.role, "member");
    assert.equal(inputs.__provider, __provider);
  });

  it("names the path of a wrong argument", async () => {
    const { failures } = await provider.check({ ...news, connection: { ...nobody, port: "ssh" } });
    assert.deepEqual(failures, [
      { property: "connection.port", reason: 'connection.port: expected number, got "ssh"' },
    ]);
  });

  it("waits with what is not known yet", async () => {
    const { failures } = await provider.check({ ...news, address: UNKNOWN, connection: UNKNOWN });
    assert.deepEqual(failures, []);
  });

  it("replaces a host that moved, the old one first", async () => {
    const { inputs } = await provider.check(news);
    const olds = { ...inputs, status: "ok" };
    assert.deepEqual(await provider.diff("id", olds, inputs), {
      changes: false,
      replaces: [],
      deleteBeforeReplace: true,
    });
    assert.deepEqual(await provider.diff("id", olds, { ...inputs, address: "10.0.0.12" }), {
      changes: true,
      replaces: ["address"],
      deleteBeforeReplace: true,
    });
  });

  it("tells a failure without a stack, without the secret, and keeps nothing that was never touched", async () => {
    const { inputs } = await provider.check(news);
    const failure = await failureOf(provider.create(inputs));
    assert.match(failure.message, /^Host a: create: cannot reach root@127\.0\.0\.1:1: 1 attempt/);
    assert.doesNotMatch(failure.message, /hunter22|\n +at /);
    assert.equal(failure.partial, undefined);
  });

  it("prints no stack for a user's mistake in a refresh", async () => {
    const { inputs } = await provider.check(news);
    const before = provider.output().length;
    const failure = await failureOf(provider.read("a@10.0.0.11", inputs));
    assert.match(failure.message, /cannot reach/);
    const printed = () => provider.output().slice(before);
    // It comes through a pipe of its own, and may be later than the reply.
    await until(() => /cannot reach/.test(printed()), "what it prints of the failure", 10_000);
    assert.doesNotMatch(printed(), /hunter22|\n +at /);
  });

  it("serves several creates at once", async () => {
    const { inputs } = await provider.check(news);
    const failures = await Promise.all(
      ["a", "b", "c"].map((name) => failureOf(provider.create({ ...inputs, name }))),
    );
    assert.deepEqual(
      failures.map((failure) => failure.message.split(":")[0]),
      ["Host a", "Host b", "Host c"],
    );
  });

  it("deletes a Host without asking it", async () => {
    const { inputs } = await provider.check(news);
    await provider.delete("a@10.0.0.11", { ...inputs, status: "ok" });
  });

  // The last one: nothing is left of the process.
  it("ends when its engine was killed, although an operation is under way", async () => {
    const server = await startSshServer();
    try {
      await server.behave("hang-at-exec");
      const { inputs } = await provider.check({ ...news, connection: server.connection() });
      const create = failureOf(provider.create(inputs));
      await server.started("fact uid");
      await provider.killEngine();
      assert.equal(await provider.exited, 1);
      await create;
    } finally {
      await server.close();
    }
  });
});

async function failureOf(promise: Promise<unknown>): Promise<ProviderFailure> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ProviderFailure);
    return error;
  }
  throw new assert.AssertionError({ message: "expected a failure" });
}
