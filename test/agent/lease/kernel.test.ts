import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock } from "../../../provider/agent/env/clock";
import { parseSyns } from "../../../provider/agent/env/runtime/syns";
import type { KernelGate } from "../../../provider/agent/lease/env";
import { createKernelGate } from "../../../provider/agent/lease/kernel";
import { createLease } from "../../../provider/agent/lease/lease";
import { createNft, type Nft } from "../../../provider/agent/lease/nft";
import { gateRules } from "../../../provider/agent/lease/rules";
import { skipBecause } from "../../support/skip";
import { until } from "../../support/until";
import { GROUP, HOST, joinOf, keys, session } from "./fake-host";
import { createFakeStore } from "./fake-store";
import { CLIENT, CONTAINER, CONTAINER_MAC, createLabNet, type LabNet, PORT, SHIM, whyNoNetns } from "./netns";

const clock = createClock();
const config = { protected: [CONTAINER_MAC], here: [CONTAINER_MAC], probe: [] };
describe("the gate in a real kernel", function () {
  this.timeout(30_000);
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
    nft = createNft({ command: net.nftShell, timeoutMs: 10_000 });
    kernel = createGate();
    await kernel.ensure();
    await kernel.configure(config);
  });

  afterEach(async () => {
    await nft?.close();
    if (net) tamper(["delete", "table", "netdev", "ha_gate"]);
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
    await kernel.arm("a", [CONTAINER_MAC], leaseMs);
    const armedAt = clock.now();
    await kernel.flip("a", [CONTAINER_MAC]);
    return armedAt;
  };
  /** False: the kernel did not let us. */
  const tamper = (command: string[]) => {
    // What it may not delete, flush leaves without a word.
    const silent = command.join(" ") === "flush ruleset";
    const before = silent && net.nft("list", "tables");
    try {
      net.nft(...command);
    } catch {
      return false;
    }
    return !silent || net.nft("list", "tables") !== before;
  };
  const noted = () => parseSyns(net.nft("-j", "list", "set", "netdev", "ha_gate", "syns"), [CONTAINER]);
  const isOwned = () => net.nft("list", "table", "netdev", "ha_gate").includes("flags owner");
  // What counts is when a question was asked: it passes the gate after that, however late the reply is read.
  const since = (times: number[], from: number) => times.filter((time) => time >= from).length;
  const answer = (from = clock.now()) => until(() => since(net.answered, from) > 0, "an answer", 5000);
  const silence = async (from = clock.now()) => {
    await until(() => since(net.asked, from) > 12, "12 questions", 5000);
    await clock.sleep(30);
    assert.equal(since(net.answered, from), 0);
  };
  const closedFor = async (from: number) => {
    await clock.sleep(Math.max(0, from - clock.now()));
    await silence(from);
  };

  it("is closed by default, opens for a MAC that is armed and flipped to, and closes when told", async () => {
    await silence();
    await open(5000);
    await answer();
    await kernel.close([CONTAINER_MAC]);
    await silence();
    assert.equal(await kernel.verify(), null);
  });

  it("is flipped from one set to the other without losing a question", async () => {
    await open(10_000);
    await answer();
    const from = clock.now();
    for (let turn = 0; turn < 20; turn += 1) {
      const slot = turn % 2 === 0 ? "b" : "a";
      await kernel.arm(slot, [CONTAINER_MAC], 10_000);
      await kernel.flip(slot, [CONTAINER_MAC]);
      await clock.sleep(30);
    }
    const questions = net.asked.filter((time) => time >= from);
    await until(() => questions.every((time) => net.answered.includes(time)), "every answer", 5000);
    assert.ok(questions.length > 50);
  });

  it("closes by itself one lease after the arming, whoever is gone", async () => {
    const armedAt = await open(1000);
    await answer(armedAt + 300);
    await closedFor(armedAt + 1000);
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
      if (tamper(tampering)) assert.notEqual(await kernel.verify(), null, tampering.join(" "));
      await kernel.rebuild();
      assert.equal(await kernel.verify(), null);
      await silence();
    }
  });

  it("is made anew also where its owner was killed and somebody removed it or put another in its place", async () => {
    for (const replaced of [false, true]) {
      process.kill(nftPid(net), "SIGKILL");
      await until(() => nftPid(net) === 0, "the end of nft", 5000);
      net.nft("delete", "table", "netdev", "ha_gate");
      if (replaced) net.nft("add", "table", "netdev", "ha_gate");
      await kernel.verify().catch(() => {});
      assert.notEqual(await kernel.verify(), null);
      await kernel.rebuild();
      assert.equal(await kernel.verify(), null);
      await silence();
    }
  });

  it("cannot be changed by others where kernel and nft know owners", async function () {
    if (!isOwned()) skipBecause(this, "kernel or nft does not know tables with an owner that persist");
    net.nft("flush", "ruleset");
    assert.equal(await kernel.verify(), null);
    assert.throws(() => net.nft("delete", "table", "netdev", "ha_gate"));
    process.kill(nftPid(net), "SIGKILL");
    await assert.rejects(kernel.closeAll());
    await kernel.closeAll();
    assert.throws(() => net.nft("delete", "table", "netdev", "ha_gate"));
    assert.equal(await kernel.verify(), null);
  });

  it("is kept with all that is open by a lease process that starts, and renewed when it is missing", async () => {
    await open(5000);
    await createGate().ensure();
    await answer();
    await nft.close();
    net.nft("flush", "ruleset");
    if (net.nft("list", "tables").includes("ha_gate")) net.nft("delete", "table", "netdev", "ha_gate");
    const restarted = createGate();
    await restarted.ensure();
    assert.equal(await restarted.verify(), null);
    await silence();
  });

  it("loads from the text for the boot, also over a gate in use", async () => {
    await open(5000);
    const owned = isOwned();
    const file = join(folder, "gate.nft");
    await import("node:fs/promises").then((fs) =>
      fs.writeFile(file, gateRules({ interface: "eth0", owned })),
    );
    await nft.close();
    net.nft("-f", file);
    await answer();
    assert.equal(await kernel.verify(), null);
  });

  it("answers nobody who asks for a connection while it is closed, and notes who does", async () => {
    const asked = { local: CONTAINER, localPort: PORT, remote: CLIENT, remotePort: 40_001 };
    let connected = false;
    void net.connect({ address: CLIENT, port: asked.remotePort }).then(() => {
      connected = true;
    });
    await until(() => noted().length > 0, "the note", 5000);
    assert.deepEqual(noted(), [asked]);
    assert.equal(await kernel.verify(), null);
    await silence();
    assert.equal(connected, false);
    await open(10_000);
    await until(() => connected, "the connection", 5000);
  });

  it("notes nobody whom it lets in", async () => {
    await open(10_000);
    await net.connect({ address: CLIENT, port: 40_002 });
    assert.deepEqual(noted(), []);
  });

  it("drops what it has no room to note", async () => {
    const others = Array.from(
      { length: 1024 },
      (_, index) => `10.0.0.1 . 1 . 10.0.0.2 . ${index} timeout 1m`,
    );
    await nft.run([`add element netdev ha_gate syns { ${others.join(", ")} }`]);
    let connected = false;
    void net.connect({ address: CLIENT, port: 40_003 }).then(() => {
      connected = true;
    });
    await silence();
    assert.deepEqual([noted(), connected], [[], false]);
    await kernel.rebuild();
    await open(10_000);
    await until(() => connected, "the connection", 5000);
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
      timing: { leaseMs: 3000, intervalMs: 50 },
      env: { clock, store, kernel, host: { bootId: async () => "b", readSession: async () => null }, log },
    });
    const events: string[] = [];
    lease.onEvent(({ type }) => events.push(type));
    await lease.start();
    try {
      await lease.adopt(session);
      await silence();
      assert.equal((await lease.join(joinOf(CONTAINER_MAC))).result, "committed");
      await answer();

      process.kill(nftPid(net), "SIGKILL");
      await until(() => nftPid(net) > 0, "a new nft", 3000);
      await answer(clock.now() + 200);
      assert.deepEqual(events, []);

      if (tamper(["flush", "ruleset"])) {
        await until(() => events.length > 0, "an event", 3000);
        assert.deepEqual(events, ["tampered"]);
        await silence();
        assert.equal((await lease.join({ ...joinOf(CONTAINER_MAC), writes: [] })).result, "committed");
      }
      await answer();
    } finally {
      await lease.stop();
    }
    const stoppedAt = clock.now();
    await answer(stoppedAt + 500);
    await closedFor(stoppedAt + 3000);
  });

  it("notes also who asks from its own host, behind the closed gate and when the container has ended", async () => {
    for (const port of [40_004, 40_005]) {
      void net.connect({ address: SHIM, port });
      const asked = { local: CONTAINER, localPort: PORT, remote: SHIM, remotePort: port };
      await until(() => noted().some(({ remotePort }) => remotePort === port), "the note", 5000);
      assert.deepEqual(
        noted().find(({ remotePort }) => remotePort === port),
        asked,
      );
      if (port === 40_004) net.endContainer();
    }
  });
});

/** 0: there is none. */
function nftPid(net: LabNet): number {
  return net.nftPids()[0] ?? 0;
}
