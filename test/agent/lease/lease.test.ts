import assert from "node:assert/strict";
import { settled } from "./fake-clock";
import { createOwner, HOST, joinOf, keys, MAC, OTHER, session } from "./fake-host";

describe("leave", () => {
  it("during a flip in flight resolves only when the MAC is closed, and no later renewal opens it", async () => {
    const host = await createOwner([MAC, OTHER]);
    host.store.fates = ["hold"];
    await host.live(100);
    host.kernel.hold();
    host.store.release();
    await settled();
    // The flip that opens both is on its way to the kernel.
    let left = false;
    const leaving = host.lease.leave(MAC).then(() => {
      left = true;
    });
    await settled();
    assert.equal(left, false);
    host.kernel.release();
    await leaving;
    assert.deepEqual(host.kernel.open(), [OTHER]);
    await host.live(1000);
    assert.deepEqual(host.kernel.open(), [OTHER]);
  });

  it("between arming and acknowledgement keeps the MAC out of the flip", async () => {
    const host = await createOwner([MAC, OTHER]);
    host.store.fates = ["hold"];
    await host.live(100);
    await host.lease.leave(MAC);
    host.forget();
    host.store.release();
    await settled();
    assert.deepEqual(host.trace, ["committed", `flip a ${OTHER}`]);
  });

  it("of a join on its way keeps it closed although the join commits", async () => {
    const host = await createOwner();
    host.store.fates = ["hold"];
    const joined = host.lease.join(joinOf(MAC));
    await settled();
    await host.lease.leave(MAC);
    host.store.release();
    assert.equal((await joined).result, "committed");
    await host.live(500);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("is tried again until the kernel has closed the MAC", async () => {
    const host = await createOwner([MAC]);
    host.kernel.failing.add("close");
    const leaving = host.lease.leave(MAC);
    await host.live(100);
    await leaving;
    assert.deepEqual(host.kernel.open(), []);
  });

  it("lets the MAC join again", async () => {
    const host = await createOwner([MAC]);
    await host.lease.leave(MAC);
    const joined = host.lease.join(joinOf(MAC));
    await host.live(100);
    assert.equal((await joined).result, "committed");
    assert.deepEqual(host.kernel.open(), [MAC]);
  });
});

describe("a lapse", () => {
  it("is told one lease after the arming of the last acknowledged renewal", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    await host.live(499);
    assert.deepEqual(host.events, []);
    assert.deepEqual(host.kernel.open(), [MAC]);
    await host.live(2);
    assert.deepEqual(host.events, [{ type: "lapsed", sid: "s1" }]);
    assert.deepEqual(host.kernel.open(), []);
    const state = await host.lease.state();
    assert.equal(state.lapsed, true);
    assert.deepEqual(state.open, []);
  });

  it("is told even while a renewal hangs", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["hold"];
    await host.live(600);
    assert.deepEqual(host.events, [{ type: "lapsed", sid: "s1" }]);
  });

  it("that ends opens nothing before the agent has joined again", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    await host.live(600);
    host.store.fate = "commit";
    await host.live(1000);
    assert.deepEqual(
      host.events.map(({ type }) => type),
      ["lapsed", "renewed"],
    );
    assert.deepEqual(host.kernel.open(), []);
    const joined = host.lease.join({ ...joinOf(MAC), writes: [] });
    await host.live(100);
    assert.equal((await joined).result, "committed");
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("ended by the acknowledgement of a join opens that MAC and no other", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    await host.live(600);
    host.store.fate = "hold";
    await host.live(100);
    const joined = host.lease.join(joinOf(OTHER));
    host.store.fate = "commit";
    host.store.release();
    await host.live(100);
    await joined;
    assert.deepEqual(host.kernel.open(), [OTHER]);
  });

  it("while a join is on its way leaves the others closed at its acknowledgement", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    await host.live(480);
    host.store.fates = ["hold"];
    host.store.fate = "commit";
    const joined = host.lease.join(joinOf(OTHER));
    await host.live(50);
    assert.deepEqual(host.events, [{ type: "lapsed", sid: "s1" }]);
    host.store.release();
    await joined;
    await host.live(300);
    assert.deepEqual(host.kernel.open(), [OTHER]);
  });
});

describe("the agent", () => {
  it("silent for more than 5 s ends the renewals; its next ping brings them back", async () => {
    const host = await createOwner([MAC]);
    await host.clock.advance(4900);
    assert.deepEqual(host.kernel.open(), [MAC]);
    await host.clock.advance(1000);
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [{ type: "lapsed", sid: "s1" }]);
    const sent = host.store.sent.length;
    await host.clock.advance(3000);
    assert.equal(host.store.sent.length, sent);
    await host.live(100);
    assert.deepEqual(host.events.at(-1), { type: "renewed", sid: "s1" });
    assert.ok(host.log.some((line) => line.includes("silent")));
  });

  it("that adopts the same session again changes nothing", async () => {
    const host = await createOwner([MAC]);
    await host.lease.adopt(session);
    assert.deepEqual(host.kernel.open(), [MAC]);
    assert.deepEqual(host.trace, []);
  });

  it("that adopts another session closes all that was open under the old one", async () => {
    const host = await createOwner([MAC]);
    const next = { sid: "s2", record: '{"sid":"s2"}' };
    host.store.put(keys.session(HOST), next.record);
    await host.lease.adopt(next);
    assert.deepEqual(host.kernel.open(), []);
    await host.live(300);
    assert.equal(host.heartbeat().sid, "s2");
    assert.deepEqual(host.kernel.open(), []);
  });
});

describe("a gate that somebody changed", () => {
  it("is made anew at once, closed, and told", async () => {
    const host = await createOwner([MAC]);
    host.kernel.fault = "its chains or rules were changed";
    await host.live(1100);
    assert.ok(host.trace.includes("rebuild"));
    assert.deepEqual(host.kernel.open(), []);
    assert.deepEqual(host.events, [
      { type: "tampered", repaired: true, detail: "its chains or rules were changed" },
    ]);
    const joined = host.lease.join({ ...joinOf(MAC), writes: [] });
    await host.live(100);
    await joined;
    assert.deepEqual(host.kernel.open(), [MAC]);
  });

  it("is not one that could not be looked at", async () => {
    const host = await createOwner([MAC]);
    host.kernel.failing.add("verify");
    await host.live(2500);
    assert.deepEqual(host.events, []);
    assert.deepEqual(host.kernel.open(), [MAC]);
    assert.equal(host.kernel.failing.size, 0);
  });

  it("is looked at as soon as a command fails", async () => {
    const host = await createOwner([MAC]);
    host.kernel.failing.add("arm");
    host.kernel.fault = "the table is gone";
    await host.live(200);
    assert.equal(host.events[0]?.type, "tampered");
  });

  it("and cannot be repaired is told once and tried again", async () => {
    const host = await createOwner([MAC]);
    host.kernel.fault = "the table is gone";
    host.kernel.rebuildable = false;
    await host.live(5000);
    assert.deepEqual(host.events, [
      {
        type: "tampered",
        repaired: false,
        detail: "the table is gone; it could not be repaired: no such interface",
      },
    ]);
    host.kernel.rebuildable = true;
    await host.live(1100);
    assert.equal(host.kernel.fault, null);
  });
});
