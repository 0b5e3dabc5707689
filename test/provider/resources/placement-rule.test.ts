import assert from "node:assert/strict";
import { UNKNOWN } from "../../../provider/frame/unknown";
import { affinityRuleHandlers } from "../../../provider/resources/affinity-rule";
import { antiAffinityRuleHandlers as handlers } from "../../../provider/resources/anti-affinity-rule";
import { type FakeGroup, fakeHandle, ok, startFakeGroup, statusOf } from "./fake-group";

const connection = { host: "10.0.0.11", insecure: true, password: "let-me-in" };
const handle = fakeHandle(["ha1", "ha2", "ha3"].map((name) => ({ name, connection })));
const zones = ["a", "a", "b"];
const hosts = handle.policy.hosts.map((host, index) => ({ ...host, labels: { zone: zones[index]! } }));
const known = {
  name: "apart",
  stack: "shop/dev",
  group: handle.group,
  handle: UNKNOWN,
  hosts,
  containers: ["app1", "app2", "app3"],
};
const reasons = async (changed: Record<string, unknown>, kind = handlers) =>
  (await kind.check({}, { ...known, ...changed })).failures.map(({ reason }) => reason);

describe("a placement rule", () => {
  const unmet =
    "containers: rule apart keeps 3 containers apart by zone, but the group's members have only 2 different values of it";
  const table: { title: string; input: Record<string, unknown>; expected: string[] }[] = [
    { title: "takes as many containers as there are hosts", input: {}, expected: [] },
    {
      title: "that is required and cannot be met is refused at preview, before the group is known",
      input: { topologyKey: "zone" },
      expected: [unmet],
    },
    {
      title: "that is only preferred may be impossible to meet",
      input: { topologyKey: "zone", required: false },
      expected: [],
    },
    {
      title: "counts a container that is named twice once",
      input: { topologyKey: "zone", containers: ["app1", "app2", "app2"] },
      expected: [],
    },
    {
      title: "needs something that it is about",
      input: { containers: [] },
      expected: ["containers: expected containers, or matchLabels, or both"],
    },
    {
      title: "may be about labels alone",
      input: { containers: [], matchLabels: { app: "x" } },
      expected: [],
    },
    { title: "waits with names that are not known yet", input: { containers: [UNKNOWN] }, expected: [] },
    {
      title: "waits with hosts that are not known yet",
      input: { topologyKey: "zone", hosts: UNKNOWN },
      expected: [],
    },
    { title: "refuses an unknown key", input: { hard: true }, expected: ["hard: unknown key"] },
  ];
  for (const { title, input, expected } of table) {
    it(title, async () => assert.deepEqual(await reasons(input), expected));
  }

  it("that keeps together can always be met before anything runs", async () => {
    assert.deepEqual(await reasons({ topologyKey: "zone" }, affinityRuleHandlers), []);
  });

  describe("against a group", () => {
    let group: FakeGroup;
    const member = () => group.members[0]!;
    const inputs = (changed: Record<string, unknown> = {}) => {
      const common = { matchLabels: {}, topologyKey: "host", required: true, deleteUnreachable: false };
      const { group: name } = group.handle;
      return { ...known, ...common, hosts, group: name, handle: group.handle, ...changed };
    };
    const sentence = "met: keeps apart by host: app1 on ha1, app2 on ha2";
    const standing = (met: boolean, names: string[]) => {
      const rule = { name: "apart", kind: "anti-affinity", required: true, met, sentence };
      return ok({ ...statusOf({ containers: names.map((name) => ({ name })) }), rules: [rule] });
    };

    beforeEach(async () => {
      group = await startFakeGroup({ members: 3 });
    });
    afterEach(() => group.close());

    it("is written before the containers of its program exist, and says whether it holds", async () => {
      member().reply("status", ok(statusOf({})), standing(true, []));
      const { id, outs } = await handlers.create(inputs({ declared: ["app1", "app2", "app3"] }));
      assert.equal(id, `${group.handle.group}/rule/apart`);
      assert.deepEqual([outs.met, outs.sentence], [true, sentence]);
      assert.deepEqual(member().requests()[1], {
        op: "set-rule",
        rule: {
          name: "apart",
          kind: "anti-affinity",
          containers: ["app1", "app2", "app3"],
          matchLabels: {},
          topologyKey: "host",
          required: true,
          stack: "shop/dev",
        },
      });
    });

    it("refuses a container that nobody declares, naming those that exist", async () => {
      member().reply("status", standing(true, ["app1", "app2"]));
      await assert.rejects(handlers.create(inputs({ declared: ["app1"] })), {
        message: `AntiAffinityRule apart: create: containers[2]: expected a protected container of group ${group.handle.group} (app1, app2), got "app3"`,
      });
      assert.ok(
        !member()
          .requests()
          .some(({ op }) => op === "set-rule"),
      );
    });

    it("that the group's hosts cannot meet is refused before anything is written", async () => {
      const containers = ["app1", "app2", "app3", "app4"];
      await assert.rejects(
        handlers.create(inputs({ containers, declared: containers })),
        /only 3 different values/,
      );
      assert.ok(
        !member()
          .requests()
          .some(({ op }) => op === "set-rule"),
      );
    });

    it("reads whether it holds now, and is gone only where the group says so", async () => {
      member().reply("status", standing(false, ["app1"]), ok(statusOf({})));
      assert.equal((await handlers.read("id", { ...inputs(), status: "ok" })).props.met, false);
      assert.equal((await handlers.read("id", { ...inputs(), status: "ok" })).id, "");
    });

    it("is taken back by name and stack", async () => {
      await handlers.delete("id", { ...inputs(), status: "ok" });
      assert.deepEqual(member().requests(), [{ op: "unset-rule", name: "apart", stack: "shop/dev" }]);
    });
  });
});
