import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { portsSchema } from "../../provider/contract/group-config";
import { cutPorts, dropTraffic } from "../faults/traffic";
import { containerStatus, groupStatus, isProtected, untilContainer } from "../support/group";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { watchLinks } from "../support/link-watch";
import type { PulumiRun, Stack } from "../support/pulumi";
import { fillRedis, firstReply, redisCommand, startCounting } from "../support/redis-client";
import { hostLinks, redisAddress, redisStack } from "../support/redis-story";
import { until } from "../support/until";

const { etcdClient, etcdPeer } = portsSchema.parse({});
/** Longer than a failover takes on a busy machine: one that was damaged must be the newest when it is needed. */
const CHECKPOINT_S = 20;

/** What the person gets: one `up` protects a Redis, and it survives what happens to its hosts. */
labSuite("examples/redis-ha with the real CLI on real hosts", { hosts: 3, timeoutMs: 240_000 }, (lab) => {
  let stack: Stack;
  const protectedAgain = () =>
    untilContainer(lab, "redis", { what: "full protection", limitMs: 90_000, holds: isProtected });

  /** Resolves when another process runs in its place. */
  const killUnit = async (host: string, unit: string) => {
    const look = async () =>
      (await lab.tryExec(host, `systemctl is-active ${unit}; systemctl show -P MainPID ${unit}`)).stdout;
    const before = await look();
    await lab.exec(host, `systemctl kill -s KILL ${unit}`);
    const another = async () => {
      const now = await look();
      return now.startsWith("active\n") && now !== before;
    };
    await until(another, `another process of ${unit}`, 30_000);
  };

  before("open a stack", async () => {
    const settings = { probeCommand: ["redis-cli", "ping"], checkpointSeconds: CHECKPOINT_S };
    if (lab.hosts) stack = await redisStack(lab, settings);
  });
  after("close the stack", () => stack?.dispose());

  it("one `up` protects Redis: a generation is committed on the standby before it returns", async () => {
    succeeded(await stack.up());
    const status = await containerStatus(lab, "redis");
    assert.equal(status.phase, "RUNNING");
    assert.equal(status.standbys.length, 1);
    assert.deepEqual([...status.holders].sort(), [status.primary, status.standbys[0]!.host].sort());
    assert.equal(await redisCommand(redisAddress(lab), "PING"), "PONG");
  });

  it("keeps the private key and the group's keys out of the plain state", () => {
    const secret = readFileSync(lab.hosts[0]!.privateKeyPath, "utf8").split("\n")[1]!;
    const state = stack.stateText();
    assert.ok(!state.includes(secret), "the SSH key is in the state in plain text");
    assert.ok(!state.includes("PRIVATE KEY"), "a private key is in the state in plain text");
  });

  it("`preview` and a second `up` change nothing", async () => {
    assert.deepEqual(changed(succeeded(await stack.preview())), {});
    assert.deepEqual(changed(succeeded(await stack.up())), {});
  });

  it("cutting the power of the primary moves Redis with its memory, and at no time do two hosts answer", async () => {
    const address = redisAddress(lab);
    await fillRedis(address, { keys: 1000, bytes: 100 });
    const before = await containerStatus(lab, "redis");
    await lab.exec(before.primary!, "container-ha checkpoint redis");
    await protectedAgain();
    const watch = await watchLinks(hostLinks(lab), address);
    const client = startCounting(address, "counter");
    await until(() => client.value() > 50, "first replies", 10_000);
    const cutAt = (await lab.kill(before.primary!)) - performance.timeOrigin;
    await until(() => client.gapAfter(cutAt) !== undefined, "an answer after the cut", 60_000);
    await client.stop();
    const { answeredByTwo } = await watch.stop();
    assert.equal(answeredByTwo, false);
    assert.equal(
      await redisCommand(address, "EXISTS", ...Array.from({ length: 1000 }, (_, key) => `key:${key}`)),
      "1000",
    );
    const after = await untilContainer(lab, "redis", {
      what: "a new primary",
      limitMs: 30_000,
      holds: ({ primary, phase }) => phase === "RUNNING" && primary !== before.primary,
    });
    assert.ok(after.epoch > before.epoch, "the epoch rose");
    assert.equal(after.lastFailover?.from, before.primary);
  });

  it("with one host dead, `preview` shows no change, `refresh` shows the new primary and `up` works", async () => {
    const dead = lab.hosts.find(({ name }) => lab.power(name) === "off")!;
    assert.deepEqual(changed(succeeded(await stack.preview())), {});
    const primary = (await containerStatus(lab, "redis")).primary;
    assert.notEqual(primary, dead.name);
    assert.deepEqual(changed(succeeded(await stack.up())), {});
  });

  it("the dead host comes back as a standby without its stale copy", async () => {
    const dead = lab.hosts.find(({ name }) => lab.power(name) === "off")!;
    await lab.start(dead.name);
    const status = await protectedAgain();
    assert.notEqual(status.primary, dead.name);
    const { stdout } = await lab.tryExec(dead.name, "podman ps --format '{{.Names}}'");
    assert.equal(stdout.trim(), "", "a container runs on the host that came back");
    succeeded(await stack.refresh());
    assert.equal(stateOf(stack).primary, status.primary);
    assert.deepEqual(changed(succeeded(await stack.preview())), {});
  });

  it("a killed Redis process is restored on the same host with its memory", async () => {
    const address = redisAddress(lab);
    const before = await protectedAgain();
    await redisCommand(address, "SET", "survives", "a crash");
    await lab.exec(before.primary!, "container-ha checkpoint redis");
    await lab.exec(before.primary!, "pkill -9 -f 'redis-server'");
    await untilContainer(lab, "redis", {
      what: "a restore",
      limitMs: 30_000,
      holds: ({ phase, epoch }) => phase === "RUNNING" && epoch > before.epoch,
    });
    const after = await containerStatus(lab, "redis");
    assert.equal(after.primary, before.primary);
    assert.equal(await redisCommand(address, "GET", "survives"), "a crash");
  });

  it("a Redis that hangs is restored with its memory; where that carries the hang, it is given up loudly", async () => {
    const before = await protectedAgain();
    await redisCommand(redisAddress(lab), "SET", "survives", "a hang");
    await lab.exec(before.primary!, "container-ha checkpoint redis");
    await lab.exec(before.primary!, "pkill -STOP -f 'redis-server'");
    await untilContainer(lab, "redis", {
      what: "its beginning anew",
      limitMs: 60_000,
      holds: ({ phase, epoch }) => phase === "RUNNING" && epoch > before.epoch,
    });
    // A checkpoint between the stop and the first probe that fails keeps it stopped, wherever it is restored.
    const { reply } = await firstReply(redisAddress(lab), ["EXISTS", "survives"], 180_000);
    const given = await Promise.all(
      lab.hosts.map(({ name }) =>
        lab.exec(name, "container-ha events --json | grep -c memory-given-up || true"),
      ),
    );
    const isGivenUp = given.some((count) => Number(count.trim()) > 0);
    assert.equal(reply, isGivenUp ? "0" : "1");
  });

  for (const unit of ["container-ha-agent", "container-ha-etcd"]) {
    it(`killing ${unit} on the primary costs neither failover nor memory`, async () => {
      const address = redisAddress(lab);
      const kill = async () => {
        const { primary } = await protectedAgain();
        await redisCommand(address, "SET", "kept", unit);
        const since = (await lab.exec(primary!, "date +%s")).trim();
        await killUnit(primary!, unit);
        const after = await protectedAgain();
        const lease = `journalctl -u container-ha-lease --since @${since} --no-pager`;
        return { moved: after.primary !== primary, lease: await lab.exec(primary!, lease) };
      };
      let { moved, lease } = await kill();
      // An agent that needs more than 5 s to start counts as hung, rightly; a machine may stand still for so long once.
      if (moved && lease.includes("The agent was silent")) {
        console.log(`      once more: ${lease}`);
        ({ moved, lease } = await kill());
      }
      assert.ok(!moved, lease);
      assert.equal(await redisCommand(address, "GET", "kept"), unit);
    });
  }

  it("killing container-ha-lease on the primary ends with exactly one primary", async () => {
    const before = await protectedAgain();
    const address = redisAddress(lab);
    await redisCommand(address, "SET", "kept", "lease");
    await lab.exec(before.primary!, "container-ha checkpoint redis");
    const watch = await watchLinks(hostLinks(lab), address);
    await killUnit(before.primary!, "container-ha-lease");
    // Only who owns it by the store's word can commit a generation.
    const committed = async () =>
      (await lab.tryExec((await protectedAgain()).primary!, "container-ha checkpoint redis")).code === 0;
    await until(committed, "a generation committed by who owns it then", 60_000);
    assert.equal(await redisCommand(address, "GET", "kept"), "lease");
    assert.equal((await watch.stop()).answeredByTwo, false);
  });

  it("an altered generation on the standby is refused there and fetched from another holder", async () => {
    const { primary, standbys } = await protectedAgain();
    const standby = standbys[0]!.host;
    const taken: { epoch: number; gen: number } = JSON.parse(
      await lab.exec(primary!, "container-ha checkpoint redis --json"),
    );
    const name = `${taken.epoch}-${taken.gen}`;
    await lab.exec(
      standby,
      `printf x | dd of=$(ls /var/lib/container-ha/store/redis/${name}/images/pages-*.img | head -1) bs=1 seek=100 conv=notrunc status=none`,
    );
    // The primary cannot renew and loses ownership, but its agent can still be asked for the generation.
    await dropTraffic(lab, cutPorts(primary!, [etcdClient, etcdPeer]));
    await untilContainer(lab, "redis", {
      what: "a failover to the standby",
      limitMs: 60_000,
      holds: ({ primary, phase }) => phase === "RUNNING" && primary === standby,
    });
    await dropTraffic(lab, []);
    assert.match(await lab.exec(standby, "container-ha events --limit 200"), /is refused/);
    assert.equal(await redisCommand(redisAddress(lab), "GET", "kept"), "lease");
  });

  it("all hosts rebooted at once come back, and Redis with its last generation", async () => {
    await untilContainer(lab, "redis", { what: "any state", limitMs: 30_000, holds: () => true });
    for (const { name } of lab.hosts) await lab.kill(name);
    await Promise.all(lab.hosts.map(({ name }) => lab.start(name)));
    const status = await untilContainer(lab, "redis", {
      what: "Redis after the reboot",
      limitMs: 120_000,
      holds: isProtected,
    });
    assert.equal(await redisCommand(redisAddress(lab), "GET", "kept"), "lease");
    assert.equal((await groupStatus(lab)).hosts.filter(({ state }) => state === "live").length, 3);
    assert.equal(status.phase, "RUNNING");
  });

  it("`destroy` leaves no unit, file, container, image, network, nft table, interface or process", async () => {
    succeeded(await stack.destroy());
    assert.deepEqual(await leftovers(lab), []);
  });
});

function succeeded(run: PulumiRun): PulumiRun {
  assert.equal(run.code, 0, run.output);
  return run;
}

/** Outputs of the protected container in the stack's state: a refresh runs no program, so exports stay as they were. */
function stateOf(stack: Stack): { primary: string } {
  const { checkpoint } = JSON.parse(stack.stateText());
  const resources: { type: string; outputs: { primary: string } }[] = checkpoint.latest.resources;
  return resources.find(({ type }) => type.endsWith(":ProtectedContainer"))!.outputs;
}

function changed({ summary }: PulumiRun): Record<string, number> {
  return Object.fromEntries(Object.entries(summary).filter(([verb]) => verb !== "same"));
}
