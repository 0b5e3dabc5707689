import assert from "node:assert/strict";
import { settled } from "./fake-clock";
import { createOwner, HOST, joinOf, keys, MAC, OTHER, session } from "./fake-host";

describe("a renewal", () => {
  it("arms the idle set before it is sent, and flips to it on its acknowledgement", async () => {
    const host = await createOwner([MAC]);
    await host.live(200);
    assert.deepEqual(host.trace, [
      `arm a 500 ${MAC}`,
      "send",
      "committed",
      `flip a ${MAC}`,
      `arm b 500 ${MAC}`,
      "send",
      "committed",
      `flip b ${MAC}`,
    ]);
  });

  it("compares the session and the fence and writes the heartbeat with the lease that is armed", async () => {
    const host = await createOwner([MAC]);
    const anchor = host.store.records.get(keys.session(HOST))!.modRevision;
    await host.live(100);
    const txn = host.store.sent.at(-1)!;
    assert.deepEqual(txn.compares, [
      { key: keys.session(HOST), value: session.record },
      { key: keys.fence(HOST, "s1"), modRevision: 0 },
      { key: keys.session(HOST), modRevision: anchor },
    ]);
    const { n } = host.heartbeat();
    assert.deepEqual(txn.writes, [
      { put: keys.heartbeat(HOST), value: JSON.stringify({ sid: "s1", n, leaseMs: 500 }) },
    ]);
  });

  it("without a reply arms the same idle set again and leaves the active one alone", async () => {
    const host = await createOwner([MAC]);
    const activeUntil = host.kernel.timers.b.get(MAC);
    host.store.fates = ["lose", "delay"];
    await host.live(101);
    await host.live(60);
    assert.deepEqual(host.trace.slice(0, 4), [`arm a 500 ${MAC}`, "send", `arm a 500 ${MAC}`, "send"]);
    assert.equal(host.trace.includes(`flip a ${MAC}`), false);
    assert.equal(host.kernel.timers.b.get(MAC), activeUntil);
  });

  it("that commits late, after its reply was given up, opens nothing", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    await host.live(501);
    assert.deepEqual(host.kernel.open(), []);
    host.forget();
    host.store.applyDelayed();
    await settled();
    assert.deepEqual(host.trace, []);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("whose acknowledgement is read after its timers ran out opens nothing", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["hold"];
    await host.live(700);
    host.store.release();
    await host.live(300);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(
      host.events.map(({ type }) => type),
      ["lapsed", "renewed"],
    );
  });

  it("whose acknowledgement is read after a pause of the process, in which the lease lapsed, opens nothing", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["hold"];
    await host.live(100);
    host.clock.pause(450);
    host.store.release();
    await settled();
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(
      host.events.map(({ type }) => type),
      ["lapsed", "renewed"],
    );
  });

  it("of a session that was replaced while it was on its way flips nothing", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["hold"];
    await host.live(100);
    const next = { sid: "s2", record: '{"sid":"s2"}' };
    host.store.put(keys.session(HOST), next.record);
    await host.lease.adopt(next);
    host.store.release();
    await host.live(200);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, []);
    assert.equal((await host.lease.state()).sid, "s2");
  });

  it("is not sent while the kernel did not take the timers", async () => {
    const host = await createOwner([MAC]);
    host.kernel.failing.add("arm");
    const sent = host.store.sent.length;
    await host.live(100);
    assert.equal(host.store.sent.length, sent);
    await host.live(100);
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("after a flip of unknown outcome closes everything before it arms again", async () => {
    const host = await createOwner([MAC]);
    host.kernel.failing.add("flip");
    await host.live(200);
    const failed = host.trace.indexOf(`flip a ${MAC}`);
    assert.deepEqual(host.trace.slice(failed + 1, failed + 6), [
      "close all",
      `arm a 500 ${MAC}`,
      "send",
      "committed",
      `flip a ${MAC}`,
    ]);
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("that the store refuses to take at all is tried again", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["throw"];
    await host.live(200);
    assert.deepEqual(host.kernel.open(), [MAC]);
    assert.deepEqual(host.events, []);
  });
});

describe("a session", () => {
  it("that was fenced closes everything and renews no more", async () => {
    const host = await createOwner([MAC]);
    host.store.put(keys.fence(HOST, "s1"), "fenced");
    await host.live(150);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [{ type: "lost", sid: "s1" }]);
    assert.equal((await host.lease.state()).sid, null);
    const sent = host.store.sent.length;
    await host.live(1000);
    assert.equal(host.store.sent.length, sent);
  });

  it("whose record was replaced is lost", async () => {
    const host = await createOwner([MAC]);
    host.store.put(keys.session(HOST), '{"sid":"s9"}');
    await host.live(150);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [{ type: "lost", sid: "s1" }]);
  });

  it("closes at the refusal, before it is known whether it is lost", async () => {
    const host = await createOwner([MAC]);
    host.store.put(keys.fence(HOST, "s1"), "fenced");
    host.store.fates = ["commit", "hold"];
    await host.live(100);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, []);
  });

  it("is not lost by an announcement of its own whose reply was lost", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["delay"];
    await host.lease.configure({ protected: [], here: [], probe: [], leaseMs: 900, intervalMs: 100 });
    await host.live(20);
    // The announcement commits between the read of the session record and the next try.
    host.store.fates = ["hold"];
    await host.live(50);
    host.store.applyDelayed();
    host.store.release();
    await host.live(300);
    assert.deepEqual(host.events, []);
    assert.deepEqual(host.kernel.open(), [MAC]);
    assert.equal(host.heartbeat().leaseMs, 900);
  });
});

describe("a join", () => {
  it("is armed before the renewal that carries its writes, and opened by the acknowledgement of that", async () => {
    const host = await createOwner([MAC]);
    const joined = host.lease.join({
      ...joinOf(OTHER),
      compares: [
        { key: keys.owner("c1"), modRevision: host.store.records.get(keys.owner("c1"))!.modRevision },
      ],
    });
    await settled();
    assert.deepEqual(host.trace, [
      `arm a 500 ${MAC} ${OTHER}`,
      "send",
      "committed",
      `flip a ${MAC} ${OTHER}`,
    ]);
    assert.equal((await joined).result, "committed");
    assert.deepEqual(host.store.sent.at(-1)!.writes.at(-1), { put: keys.owner("c1"), value: "RUNNING" });
    await host.live(1000);
    assert.deepEqual(host.kernel.open(), [MAC, OTHER]);
  });

  it("that is refused is no lost session: the others stay open, and it stays closed", async () => {
    const host = await createOwner([MAC]);
    const joined = host.lease.join({
      ...joinOf(OTHER),
      compares: [{ key: keys.owner("c2"), modRevision: 99 }],
    });
    await settled();
    assert.deepEqual(await joined, { result: "refused" });
    await host.live(1000);
    assert.deepEqual(host.events, []);
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("that is refused because the session is gone reports a lost session as well", async () => {
    const host = await createOwner([MAC]);
    host.store.put(keys.fence(HOST, "s1"), "fenced");
    const joined = host.lease.join(joinOf(OTHER));
    await settled();
    assert.deepEqual(await joined, { result: "refused" });
    await settled();
    assert.deepEqual(host.events, [{ type: "lost", sid: "s1" }]);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("that waits behind a refused one is not sent before the session is known to stand", async () => {
    const host = await createOwner([MAC]);
    const impossible = [{ key: keys.owner("c2"), modRevision: 99 }];
    const first = host.lease.join({ ...joinOf(OTHER), compares: impossible });
    const second = host.lease.join(joinOf("02:00:00:00:00:03", "c3"));
    await settled();
    assert.deepEqual(await first, { result: "refused" });
    assert.equal((await second).result, "committed");
    const arms = host.trace.filter((line) => line.startsWith("arm"));
    assert.deepEqual(arms, [
      `arm a 500 ${MAC} ${OTHER}`,
      `arm a 500 ${MAC}`,
      `arm b 500 ${MAC} 02:00:00:00:00:03`,
    ]);
  });

  it("without a reply is of unknown outcome and is not opened by a later renewal", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["lose"];
    const joined = host.lease.join(joinOf(OTHER));
    await settled();
    assert.equal((await joined).result, "unknown");
    await host.live(1000);
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("rejects with the reason when the store refuses to take it, and renewals go on", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["throw"];
    const joined = host.lease.join(joinOf(OTHER));
    await Promise.all([assert.rejects(joined, /permission denied/), host.live(300)]);
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("without a session is not sent, which is not called a refusal", async () => {
    const host = await createOwner();
    host.store.put(keys.fence(HOST, "s1"), "fenced");
    await host.live(200);
    assert.deepEqual(await host.lease.join(joinOf(MAC)), {
      result: "unknown",
      cause: "not sent: no session was adopted",
    });
  });
});
