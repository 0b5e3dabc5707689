import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock } from "../../../provider/agent/env/clock";
import type { KernelGate } from "../../../provider/agent/lease/env";
import { createKernelGate } from "../../../provider/agent/lease/kernel";
import { createLease } from "../../../provider/agent/lease/lease";
import { createNft, type Nft } from "../../../provider/agent/lease/nft";
import { gateRules } from "../../../provider/agent/lease/rules";
import { skipBecause } from "../../support/skip";
import { until } from "../../support/until";
import { GROUP, HOST, joinOf, keys, session } from "./fake-host";
import { createFakeStore } from "./fake-store";
import { CONTAINER_MAC, createLabNet, type LabNet, whyNoNetns } from "./netns";

const clock = createClock();
const config = { protected: [CONTAINER_MAC], here: [CONTAINER_MAC], probe: [] };
/** A jiffy, rounded down, at most 10 ms, and the way of a packet through a busy machine. */
const EARLY_MS = 15;
const LATE_MS = 40;

describe("the gate in a real kernel", function () {
  this.timeout(20_000);
  let net: LabNet;
  let nft: Nft;
  let kernel: KernelGate;
  let folder: string;

  before(async function () {
    const why = whyNoNetns();
    if (why) skipBecause(this, why);
    net = await createLabNet(`ha-lease-${process.pid}`);
    folder = mkdtempSync(join(tmpdir(), "ha-gate-"));
  });

  beforeEach(async () => {
    nft = createNft({ command: net.nftShell });
    kernel = createGate();
    await kernel.ensure();
    await kernel.configure(config);
  });

  afterEach(async () => {
    await nft?.close();
    net?.nft("flush", "ruleset");
    if (folder) rmSync(join(folder, "gate.json"), { force: true });
  });

  after(() => {
    net?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const createGate = () =>
    createKernelGate({
      nft,
      interface: "eth0",
      configFile: join(folder, "gate.json"),
      log: { warn() {} },
    });
  const open = async (leaseMs: number) => {
    const armedAt = clock.now();
    await kernel.arm("a", [CONTAINER_MAC], leaseMs);
    await kernel.flip("a", [CONTAINER_MAC]);
    return armedAt;
  };
  const repliesAfter = (time: number) => net.replies.filter((at) => at > time).length;
  const reply = (time = clock.now()) => until(() => repliesAfter(time) > 0, "a reply", 3000);
  /** Long enough for some dozens of questions. */
  const silence = async () => {
    const from = clock.now() + 20;
    await clock.sleep(150);
    assert.equal(repliesAfter(from), 0);
  };

  it("is closed by default, opens for a MAC that is armed and flipped to, and closes when told", async () => {
    await silence();
    await open(5000);
    await reply();
    await kernel.close([CONTAINER_MAC]);
    await silence();
    assert.equal(await kernel.verify(), null);
  });

  it("is open while it is flipped ten times a second, without a gap", async () => {
    await open(500);
    await reply();
    const from = clock.now();
    for (let turn = 0; turn < 20; turn += 1) {
      const slot = turn % 2 === 0 ? "b" : "a";
      await kernel.arm(slot, [CONTAINER_MAC], 500);
      await kernel.flip(slot, [CONTAINER_MAC]);
      await clock.sleep(50);
    }
    const times = net.replies.filter((at) => at > from);
    const gaps = times.slice(1).map((at, index) => at - times[index]!);
    assert.ok(Math.max(...gaps) < 200, `longest gap ${Math.max(...gaps)} ms`);
    assert.ok(times.length > 200, `${times.length} replies`);
  });

  it("closes by itself one lease after the arming, whoever is gone", async () => {
    const armedAt = await open(400);
    await reply();
    await clock.sleep(600);
    const last = net.replies.at(-1)! - armedAt;
    assert.ok(last > 400 - EARLY_MS && last < 400 + LATE_MS, `last reply after ${last} ms`);
  });

  it("stays closed when it is flipped to a set whose timers ran out", async () => {
    await kernel.arm("a", [CONTAINER_MAC], 100);
    await clock.sleep(150);
    await kernel.flip("a", [CONTAINER_MAC]);
    await silence();
  });

  it("is noticed to be changed, and made anew closed, whatever was done to it", async () => {
    for (const tampering of [
      ["flush", "ruleset"],
      ["delete", "table", "netdev", "ha_gate"],
      ["flush", "table", "netdev", "ha_gate"],
      ["flush", "set", "netdev", "ha_gate", "prot"],
      ["add", "element", "netdev", "ha_gate", "gin", `{ ${CONTAINER_MAC} : accept }`],
      ["add", "rule", "netdev", "ha_gate", "tocontainer", "accept"],
    ]) {
      assert.equal(await kernel.verify(), null);
      net.nft(...tampering);
      assert.notEqual(await kernel.verify(), null, tampering.join(" "));
      await kernel.rebuild();
      await silence();
    }
  });

  it("is kept with all that is open by a lease process that starts, and renewed when it is missing", async () => {
    await open(5000);
    await createGate().ensure();
    await reply();
    net.nft("flush", "ruleset");
    const restarted = createGate();
    await restarted.ensure();
    assert.equal(await restarted.verify(), null);
    await silence();
  });

  it("loads from the text for the boot, also over a gate in use", async () => {
    await open(5000);
    const file = join(folder, "gate.nft");
    await import("node:fs/promises").then((fs) => fs.writeFile(file, gateRules({ interface: "eth0" })));
    net.nft("-f", file);
    await reply();
    assert.equal(await kernel.verify(), null);
  });

  it("takes a hundred MACs in one batch", async () => {
    const macs = Array.from(
      { length: 100 },
      (_, index) => `02:00:00:00:01:${index.toString(16).padStart(2, "0")}`,
    );
    await kernel.configure({ ...config, protected: [...config.protected, ...macs] });
    await kernel.arm("a", macs, 500);
    await kernel.flip("a", macs);
    assert.equal(await kernel.verify(), null);
  });

  it("opens and closes under the lease loop: join, kill of nft, table flushed, loop stopped", async () => {
    const store = createFakeStore(() => {});
    store.put(keys.session(HOST), session.record);
    const log = { debug() {}, info() {}, warn() {}, event() {} };
    const lease = createLease({
      group: GROUP,
      host: HOST,
      timing: { leaseMs: 500, intervalMs: 50 },
      env: { clock, store, kernel, host: { bootId: async () => "b", readSession: async () => null }, log },
    });
    const events: string[] = [];
    lease.onEvent(({ type }) => events.push(type));
    await lease.start();
    try {
      await lease.adopt(session);
      await silence();
      assert.equal((await lease.join(joinOf(CONTAINER_MAC))).result, "committed");
      await reply();

      process.kill(nftPid(net), "SIGKILL");
      await until(() => nftPid(net) > 0, "a new nft", 3000);
      await reply(clock.now() + 200);
      assert.deepEqual(events, []);

      net.nft("flush", "ruleset");
      await until(() => events.length > 0, "an event", 3000);
      assert.deepEqual(events, ["tampered"]);
      await silence();
      assert.equal((await lease.join({ ...joinOf(CONTAINER_MAC), writes: [] })).result, "committed");
      await reply();
    } finally {
      await lease.stop();
    }
    const stoppedAt = clock.now();
    await clock.sleep(700);
    const last = net.replies.at(-1)! - stoppedAt;
    assert.ok(last < 500 + LATE_MS, `last reply ${last} ms after the loop`);
    assert.ok(last > 300, `last reply ${last} ms after the loop`);
  });
});

/** 0: there is none. */
function nftPid(net: LabNet): number {
  return net.nftPids()[0] ?? 0;
}
