import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { GroupHandle } from "../../provider/group-handle";
import { closeAll } from "../../provider/ssh/pool";
import { allLive, containerStatus, isProtected, untilContainer, untilGroup } from "../support/group";
import { connectionsTo, create, handlers, type Resource } from "../support/handlers";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { redisCommand } from "../support/redis-client";
import { redisAddress } from "../support/redis-story";

const script = join(__dirname, "fixtures/killed-create.js");
/** Far beyond what any resource needs: one that never ends must fail, not hang. */
const MOST_COMMANDS = 300;

/** Each resource of a stack on real hosts, in the order of an `up`. */
labSuite(
  "a run that is killed between any two commands to its hosts",
  { hosts: 3, timeoutMs: 600_000 },
  (lab) => {
    const stack = "shop/dev";
    const created: Resource[] = [];
    let handle: GroupHandle;

    async function declare(...what: Parameters<typeof create>): Promise<Resource["outs"]> {
      const resource = await create(...what);
      created.push(resource);
      return resource.outs;
    }

    afterEach(closeAll);

    it("while the group is set up: the next run has three voters", async () => {
      const hosts = lab.hosts.map(({ name, address }) => ({ name, address }));
      const values = { name: "g", stack, hosts, connections: connectionsTo(lab.hosts) };
      const outs = await declare("HaGroup", values, killAgainAndAgain);
      assert.deepEqual(outs.voters, ["ha1", "ha2", "ha3"]);
      handle = outs.handle as GroupHandle;
    });

    it("while an agent is installed: the next run has a live member", async () => {
      for (const { name } of lab.hosts) {
        const values = { name, host: name, group: "g", handle };
        const outs = await declare("HeartbeatAgent", values, name === "ha1" ? killAgainAndAgain : undefined);
        assert.equal(outs.state, "live");
      }
    });

    it("while Redis is being protected: the next run has it on two hosts", async () => {
      const values = {
        name: "redis",
        stack,
        group: "g",
        handle,
        image: "registry.lab:5000/redis-lab",
        virtualIps: [redisAddress(lab)],
      };
      const outs = await declare("ProtectedContainer", values, killAgainAndAgain);
      assert.equal(outs.phase, "RUNNING");
      await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
      assert.equal(await redisCommand(redisAddress(lab), "PING"), "PONG");
    });

    it("while a schedule or a rule is set: the next run has it", async () => {
      const shared = { stack, group: "g", handle };
      const schedule = { ...shared, name: "redis", container: "redis", intervalSeconds: 60 };
      await declare("CheckpointSchedule", schedule, killAgainAndAgain);
      const rule = { ...shared, name: "apart", matchLabels: { app: "redis" } };
      await declare("AntiAffinityRule", rule, killAgainAndAgain);
    });

    it("new certificates reach what runs: who starts with them and who ran before understand each other", async () => {
      const { id, outs } = created.find(({ kind }) => kind === "HaGroup")!;
      const declared = { name: "g", stack, hosts: outs.hosts, connections: outs.connections };
      const { inputs } = await handlers.HaGroup.check({}, { ...declared, certificateRotation: 1 });
      const before = await containerStatus(lab, "redis");
      const { outs: rotated } = await handlers.HaGroup.update(id, outs, inputs);
      Object.assign(outs, rotated);
      // With its new connections each host shows its new certificate, and has to trust those of the others.
      for (const { name } of lab.hosts) {
        await lab.exec(name, "systemctl restart container-ha-etcd");
        await untilGroup(lab, { what: "every host live", limitMs: 30_000, holds: allLive });
      }
      const standby = before.standbys[0]!.host;
      await lab.exec(standby, "systemctl restart container-ha-agent");
      await untilGroup(lab, { what: "every host live", limitMs: 30_000, holds: allLive });
      await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
      await lab.exec(before.primary!, "container-ha checkpoint redis");
      const { primary, epoch } = await containerStatus(lab, "redis");
      assert.deepEqual({ primary, epoch }, { primary: before.primary, epoch: before.epoch });
    });

    it("the group cannot be deleted while Redis runs in it", async () => {
      const { id, outs } = created.find(({ kind }) => kind === "HaGroup")!;
      const before = await containerStatus(lab, "redis");
      await assert.rejects(
        handlers.HaGroup.delete(id, outs),
        /HaGroup g: delete: the group was not removed: redis \(stack shop\/dev\) runs in it/,
      );
      assert.equal((await containerStatus(lab, "redis")).epoch, before.epoch);
    });

    it("and after all of them `delete` leaves nothing on the hosts", async () => {
      for (const { kind, id, outs } of created.reverse()) await handlers[kind].delete(id, outs);
      assert.deepEqual(await leftovers(lab), []);
    });
  },
);

/** Before its first command to a host, then before its second ..., each time by a process that begins anew. */
function killAgainAndAgain(kind: Resource["kind"], inputs: Resource["outs"]): void {
  const input = JSON.stringify(inputs);
  for (let command = 1; ; command += 1) {
    assert.ok(command <= MOST_COMMANDS, `${kind} does not come to an end`);
    const argv = [script, kind, String(command)];
    const { signal, status, stderr } = spawnSync(process.execPath, argv, { input, encoding: "utf8" });
    if (signal === "SIGKILL") continue;
    assert.equal(status, 0, `${kind}, after a run was killed before its command ${command - 1}: ${stderr}`);
    console.log(`      ${kind}: killed before each of ${command - 1} commands`);
    return;
  }
}
