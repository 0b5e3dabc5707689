import assert from "node:assert/strict";
import { realMac } from "../../../provider/contract";
import {
  BOOT,
  createFakeHost,
  createOwner,
  type FakeHost,
  GROUP,
  HOST,
  joinOf,
  keys,
  ownerRecord,
  session,
} from "./fake-host";

const C1 = realMac(GROUP, "c1");
const C2 = realMac(GROUP, "c2");

/** A lease process with c1 and c2 open is killed; the next one finds what it left. */
async function killed(o: { leaseMs?: number; bootId?: string } = {}): Promise<FakeHost> {
  const old = await createOwner([C1, C2]);
  old.store.put(keys.owner("c1"), ownerRecord());
  old.store.put(keys.owner("c2"), ownerRecord());
  await old.lease.stop();
  old.forget();
  return createFakeHost({
    from: old,
    timing: { leaseMs: o.leaseMs ?? 500, intervalMs: 100 },
    sessionFile: { ...session, bootId: o.bootId ?? BOOT },
  });
}

describe("a lease process that is started again", () => {
  it("continues the session and opens what the owner records allow, after it has closed everything", async () => {
    const host = await killed();
    await host.lease.start();
    await host.live(10);
    assert.deepEqual(host.trace.slice(0, 8), [
      "ensure",
      "close all",
      "send",
      "committed",
      `arm b 500 ${C1} ${C2}`,
      "send",
      "committed",
      `flip b ${C1} ${C2}`,
    ]);
    assert.deepEqual(host.kernel.open(), [C1, C2]);
    assert.deepEqual(host.events, [{ type: "renewed", sid: "s1" }]);
  });

  it("keeps what was open until it can renew: the timers go on", async () => {
    const host = await killed();
    host.store.readable = false;
    await host.lease.start();
    await host.live(100);
    assert.deepEqual(host.kernel.open(), [C1, C2]);
    await host.live(500);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [{ type: "lapsed", sid: "s1" }]);
  });

  it("leaves closed what migrates, what is in another phase and what others own", async () => {
    const host = await killed();
    host.store.put(keys.migration("c1"), "{}");
    host.store.put(keys.owner("c2"), ownerRecord({ phase: "RESTORING" }));
    host.store.put(keys.owner("c3"), ownerRecord({ sid: "s0" }));
    host.store.put(keys.owner("c4"), ownerRecord({ host: "h2" }));
    host.store.put(keys.owner("c5"), "no record");
    await host.lease.start();
    await host.live(500);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [{ type: "renewed", sid: "s1" }]);
  });

  it("reads again when a record changes between its read and its renewal", async () => {
    const host = await killed();
    host.store.fates = ["hold"];
    await host.lease.start();
    await host.live(10);
    host.store.put(keys.owner("c1"), ownerRecord({ phase: "STOPPED" }));
    host.store.release();
    await host.live(500);
    assert.deepEqual(host.kernel.open(), [C2]);
  });

  it("does not bring back what the agent closes meanwhile", async () => {
    const host = await killed();
    host.store.readable = false;
    await host.lease.start();
    await host.live(10);
    await host.lease.leave(C1);
    host.store.readable = true;
    await host.live(300);
    assert.deepEqual(host.kernel.open(), [C2]);
  });

  it("shuts out the renewals that the killed one left in flight", async () => {
    const old = await createOwner([C1]);
    old.store.put(keys.owner("c1"), ownerRecord());
    old.store.fates = ["delay"];
    await old.live(100);
    await old.lease.stop();
    const host = createFakeHost({
      from: old,
      timing: { leaseMs: 2000, intervalMs: 100 },
      sessionFile: { ...session, bootId: BOOT },
    });
    await host.lease.start();
    await host.live(300);
    assert.equal(host.heartbeat().leaseMs, 2000);
    assert.deepEqual(host.store.applyDelayed(), [{ result: "refused" }]);
    assert.deepEqual(host.kernel.open(), [C1]);
  });

  it("that was fenced meanwhile opens nothing and tells that the session is lost", async () => {
    const host = await killed();
    host.store.put(keys.fence(HOST, "s1"), "fenced");
    await host.lease.start();
    await host.live(300);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [{ type: "lost", sid: "s1" }]);
  });

  it("that is fenced after it has read the records tells that the session is lost", async () => {
    const host = await killed();
    host.store.fates = ["commit", "hold"];
    await host.lease.start();
    await host.live(50);
    host.store.put(keys.fence(HOST, "s1"), "fenced");
    host.store.release();
    await host.live(100);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events.at(-1), { type: "lost", sid: "s1" });
  });

  it("takes no session from another boot, and closes the gate", async () => {
    const host = await killed({ bootId: "boot-0" });
    await host.lease.start();
    await host.live(100);
    assert.equal((await host.lease.state()).sid, null);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("calls itself lapsed until its first acknowledgement, since it does not know", async () => {
    const host = await killed();
    host.store.readable = false;
    await host.lease.start();
    await host.live(10);
    assert.equal((await host.lease.state()).lapsed, true);
    host.store.readable = true;
    await host.live(100);
    assert.equal((await host.lease.state()).lapsed, false);
  });

  it("after a planned stop has the gate open again before the longer lease is over, with the usual one", async () => {
    const old = await createOwner([C1]);
    old.store.put(keys.owner("c1"), ownerRecord());
    const stopping = old.lease.stop({ holdMs: 5000 });
    await old.clock.advance(10);
    await stopping;
    await old.clock.advance(2000);
    assert.deepEqual(old.kernel.open(), [C1]);
    const host = createFakeHost({ from: old, sessionFile: { ...session, bootId: BOOT } });
    await host.lease.start();
    await host.live(20);
    assert.deepEqual(host.kernel.open(), [C1]);
    assert.equal(host.heartbeat().leaseMs, 500);
    const joined = host.lease.join(joinOf(C2, "c2"));
    await host.live(100);
    assert.equal((await joined).result, "committed");
  });
});
