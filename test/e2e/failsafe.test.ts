import assert from "node:assert/strict";
import { units } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { labSuite } from "../support/lab";
import { watchLinks } from "../support/link-watch";
import type { Stack } from "../support/pulumi";
import { startCounting } from "../support/redis-client";
import { hostLinks, redisAddress, redisStack } from "../support/redis-story";
import { succeeded } from "../support/runs";
import { until } from "../support/until";

/** Longer than the lease of the default profile, several times. */
const WITHOUT_QUORUM_MS = 10_000;
/** A dump stops Redis for a moment; a lapse of the lease does for seconds. */
const SHORTEST_LAPSE_MS = 1000;

labSuite("a group that serves on without a quorum", { hosts: 3, timeoutMs: 180_000 }, (lab) => {
  let stack: Stack;
  let primary = "";
  let others: string[] = [];

  before("open a stack", async () => {
    if (lab.hosts) stack = await redisStack(lab, { onQuorumLoss: "failsafe" });
  });
  after("close the stack", () => stack?.dispose());

  it("says what becomes of its containers", async () => {
    succeeded(await stack.up());
    ({ primary } = (await containerStatus(lab, "redis")) as { primary: string });
    others = lab.hosts.map(({ name }) => name).filter((name) => name !== primary);
    assert.match(await lab.exec(primary, "container-ha status"), /^Quorum loss: containers are served on/m);
  });

  it("serves Redis without a gap while two of three voters stand still, on one host, and says so", async () => {
    const before = await containerStatus(lab, "redis");
    const watch = await watchLinks(hostLinks(lab), redisAddress(lab));
    const counting = startCounting(redisAddress(lab), "counted");
    await until(() => counting.replies() > 10, "the first replies", 5000);
    await signal(lab, others, units.etcd, "STOP");
    const stoppedAt = performance.now();
    await until(
      async () =>
        /what it owns is served on: every host/.test(await lab.exec(primary, "container-ha status")),
      "a status that tells of the promises",
      10_000,
    );
    await until(() => performance.now() - stoppedAt > WITHOUT_QUORUM_MS, "the end of the outage", 20_000);
    await signal(lab, others, units.etcd, "CONT");
    await untilContainer(lab, "redis", {
      what: "a generation since",
      limitMs: 60_000,
      holds: (status) => isProtected(status) && status.generation!.gen > before.generation!.gen + 1,
    });
    await counting.stop();
    const lapses = counting.gaps.filter(({ ms }) => ms >= SHORTEST_LAPSE_MS);
    assert.deepEqual(lapses, [], "clients waited");
    assert.equal((await watch.stop()).answeredByTwo, false);
    const after = await containerStatus(lab, "redis");
    assert.deepEqual([after.primary, after.epoch], [before.primary, before.epoch]);
  });

  it("freezes Redis when an agent stands still as well, and loses nothing of it", async () => {
    const before = await containerStatus(lab, "redis");
    const counting = startCounting(redisAddress(lab), "counted", 60_000);
    await until(() => counting.replies() > 10, "the first replies", 5000);
    await signal(lab, others, units.etcd, "STOP");
    await until(
      async () =>
        /what it owns is served on: every host/.test(await lab.exec(primary, "container-ha status")),
      "a status that tells of the promises",
      10_000,
    );
    await signal(lab, [others[0]!], units.agent, "STOP");
    await until(
      async () => /cannot be served on: .*/.test(await lab.exec(primary, "container-ha status")),
      "a status that tells who does not promise",
      10_000,
    );
    await until(
      async () =>
        /redis is cut off and frozen/.test(await lab.exec(primary, "container-ha events --limit 20")),
      "the lapse",
      10_000,
    );
    const counted = counting.value();
    await signal(lab, [others[0]!], units.agent, "CONT");
    await signal(lab, others, units.etcd, "CONT");
    await until(() => counting.value() > counted, "answers again", 60_000);
    await counting.stop();
    const after = await containerStatus(lab, "redis");
    assert.deepEqual([after.primary, after.epoch], [before.primary, before.epoch]);
  });
});

/** A service that systemd is just starting anew has nothing to be signalled; what is waited for next tells. */
async function signal(lab: Lab, hosts: string[], unit: string, name: "STOP" | "CONT"): Promise<void> {
  await Promise.all(
    hosts.map((host) => lab.tryExec(host, `systemctl kill -s ${name} --kill-whom=main ${unit}`)),
  );
}
