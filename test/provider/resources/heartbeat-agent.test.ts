import assert from "node:assert/strict";
import { UNKNOWN } from "../../../provider/frame/unknown";
import { obstacleIn } from "../../../provider/resources/agent-live";
import { heartbeatAgentHandlers as handlers } from "../../../provider/resources/heartbeat-agent";
import { containerStatus, type FakeGroup, fakeHandle, ok, startFakeGroup, statusOf } from "./fake-group";

describe("a heartbeat agent", () => {
  const connection = { host: "10.0.0.11", insecure: true, password: "let-me-in" };
  const handle = fakeHandle(["ha1", "ha2"].map((name) => ({ name, connection })));
  const hosts = [...handle.policy.hosts, { name: "w", address: "10.0.0.14", role: "witness", labels: {} }];
  const known = {
    name: "agent-1",
    host: "ha1",
    group: handle.group,
    handle: { ...handle, policy: { ...handle.policy, hosts } },
  };
  const reasons = async (changed: Record<string, unknown>) =>
    (await handlers.check({}, { ...known, ...changed })).failures.map(({ reason }) => reason);

  it("is for a member of its group", async () => {
    assert.deepEqual(await reasons({}), []);
    assert.deepEqual(await reasons({ host: "ha9" }), [
      `host: expected a host of group ${handle.group} (ha1, ha2, w), got "ha9"`,
    ]);
    assert.deepEqual(await reasons({ host: "w" }), [
      `host: w is a witness of group ${handle.group}: it runs etcd and needs no agent`,
    ]);
  });

  it("refuses unknown keys and wrong values with their path", async () => {
    assert.deepEqual(await reasons({ loglevel: "info", metricsPort: 0 }), [
      "metricsPort: Too small: expected number to be >=1, got 0",
      "loglevel: unknown key",
    ]);
  });

  it("waits with a group that is not known yet", async () => {
    const { inputs, failures } = await handlers.check({}, { ...known, handle: UNKNOWN, group: UNKNOWN });
    assert.deepEqual(failures, []);
    assert.equal(inputs.metricsPort, 7383);
  });

  it("is live only when the group says so, and of the wanted version", () => {
    const look = (parts: Parameters<typeof statusOf>[0]) =>
      obstacleIn(statusOf(parts), { name: "ha1", version: "0.2.0" });
    assert.equal(look({ hosts: [{ name: "ha1", version: "0.2.0" }] }), null);
    assert.equal(look({ hosts: [{ name: "ha1", version: "0.1.0" }] }), "it still runs version 0.1.0");
    assert.equal(look({ hosts: [{ name: "ha1", state: "absent" }] }), "the group sees it as absent");
    assert.equal(look({ hosts: [{ name: "ha2" }] }), "the group's policy does not name this host yet");
  });

  describe("of a group that answers", () => {
    let group: FakeGroup;
    const inputs = (changed: Record<string, unknown> = {}) => {
      const { group: name } = group.handle;
      const rest = { logLevel: "info", metricsPort: 7383, deleteUnreachable: false };
      return {
        name: "agent-1",
        host: "ha1",
        group: name,
        handle: group.handle,
        ...rest,
        status: "ok",
        ...changed,
      };
    };

    beforeEach(async () => {
      group = await startFakeGroup({ members: 2 });
    });
    afterEach(() => group.close());

    it("is not removed while a container runs on its host", async () => {
      const containers = [containerStatus({ primary: "ha1", stack: "shop/dev" })];
      group.members[0]!.reply("status", ok(statusOf({ containers })));
      await assert.rejects(handlers.delete("id", inputs()), {
        message:
          "HeartbeatAgent agent-1: delete: the agent of ha1 was not removed: redis (stack shop/dev) runs there. Delete what protects it first, or move it away.",
      });
    });

    it("keeps what is known of a host that is dead, and says how the group sees it", async () => {
      const states = [{ name: "ha1", state: "dead" as const }, { name: "ha2" }];
      group.members[1]!.reply("status", ok(statusOf({ hosts: states })));
      await group.members[0]!.server.behave("refuse");
      const stored = { release: "r1", version: "0.1.0", realtime: true, state: "live" };
      const limited = group.handle.members.map(({ name, connection: to }) => ({
        name,
        connection: { ...to, dialErrorLimit: 1 },
      }));
      const { id, props } = await handlers.read(
        "id",
        inputs({ ...stored, handle: { ...group.handle, members: limited } }),
      );
      assert.equal(id, "id");
      assert.deepEqual([props.release, props.state], ["r1", "dead"]);
    });

    it("is deleted with a host that does not answer only where that is allowed", async () => {
      for (const member of group.members) await member.server.behave("refuse");
      const members = group.handle.members.map(({ name, connection: to }) => ({
        name,
        connection: { ...to, dialErrorLimit: 1 },
      }));
      const handleOfDead = { ...group.handle, members };
      await assert.rejects(
        handlers.delete("id", inputs({ handle: handleOfDead })),
        /cannot reach .*set deleteUnreachable: true on this resource, or CONTAINER_HA_DELETE_UNREACHABLE=true/s,
      );
      await handlers.delete("id", inputs({ handle: handleOfDead, deleteUnreachable: true }));
    });
  });
});
