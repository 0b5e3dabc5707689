import assert from "node:assert/strict";
import type { Txn } from "../../../provider/agent/env";
import { createOwner, type FakeHost, HOST, joinOf, keys, MAC } from "./fake-host";

const sets = { protected: [], here: [], probe: [] };
const announced = (txn: Txn | undefined) => JSON.parse((txn!.writes[0] as { value: string }).value).leaseMs;
const armed = (host: FakeHost) =>
  host.trace.filter((line) => line.startsWith("arm")).map((line) => Number(line.split(" ")[2]));

describe("a change of the lease", () => {
  it("to a longer one is announced by an acknowledged renewal before it is armed", async () => {
    const host = await createOwner([MAC]);
    const sent = host.store.sent.length;
    await host.lease.configure({ ...sets, leaseMs: 2000, intervalMs: 100 });
    await host.live(150);
    assert.deepEqual(host.store.sent.slice(sent, sent + 2).map(announced), [2000, 2000]);
    assert.deepEqual(armed(host).slice(0, 2), [500, 2000]);
  });

  it("to a longer one is not armed while its announcement has no reply", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    await host.lease.configure({ ...sets, leaseMs: 2000, intervalMs: 100 });
    await host.live(300);
    assert.deepEqual([...new Set(armed(host))], [500]);
  });

  it("to a longer one shuts out every older renewal without a reply, which announced less", async () => {
    const host = await createOwner([MAC]);
    host.store.fates = ["delay"];
    await host.live(100);
    await host.lease.configure({ ...sets, leaseMs: 2000, intervalMs: 100 });
    await host.live(200);
    assert.equal(host.heartbeat().leaseMs, 2000);
    assert.deepEqual(host.store.applyDelayed(), [{ result: "refused" }]);
    assert.equal(host.heartbeat().leaseMs, 2000);
  });

  it("to a shorter one goes on announcing the longer one while a set is armed with it", async () => {
    const host = await createOwner([MAC], { timing: { leaseMs: 2000, intervalMs: 100 } });
    await host.live(200);
    host.forget();
    const sent = host.store.sent.length;
    await host.lease.configure({ ...sets, leaseMs: 500, intervalMs: 100 });
    await host.live(200);
    assert.deepEqual(host.store.sent.slice(sent, sent + 2).map(announced), [2000, 500]);
    assert.deepEqual(armed(host).slice(0, 2), [500, 500]);
  });

  it("back to the longer one is announced again, since a shorter one was", async () => {
    const host = await createOwner([MAC], { timing: { leaseMs: 2000, intervalMs: 100 } });
    await host.lease.configure({ ...sets, leaseMs: 500, intervalMs: 100 });
    await host.live(300);
    host.forget();
    await host.lease.configure({ ...sets, leaseMs: 2000, intervalMs: 100 });
    await host.live(150);
    assert.deepEqual(armed(host).slice(0, 2), [500, 2000]);
  });
});

describe("a planned stop", () => {
  it("announces and arms a longer lease by two renewals at once, and leaves the gate open for it", async () => {
    const host = await createOwner([MAC]);
    const stopped = host.lease.stop({ holdMs: 5000 });
    await host.clock.advance(10);
    await stopped;
    assert.deepEqual(armed(host), [500, 5000]);
    assert.equal(host.heartbeat().leaseMs, 5000);
    await host.clock.advance(4900);
    assert.deepEqual(host.kernel.open(), [MAC]);
    await host.clock.advance(200);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("without a store gives up soon, and the gate closes in its time", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "delay";
    const stopped = host.lease.stop({ holdMs: 5000 });
    await host.clock.advance(1600);
    await stopped;
    assert.equal(
      armed(host).some((ms) => ms > 500),
      false,
    );
    assert.deepEqual(host.kernel.open(), []);
  });

  it("takes no join any more and sends no renewal after it", async () => {
    const host = await createOwner([MAC]);
    const stopped = host.lease.stop();
    const joined = await host.lease.join(joinOf(MAC));
    assert.deepEqual(joined, { result: "unknown", cause: "not sent: the lease process is stopping" });
    await stopped;
    const sent = host.store.sent.length;
    await host.clock.advance(1000);
    assert.equal(host.store.sent.length, sent);
    assert.equal(host.store.records.has(keys.heartbeat(HOST)), true);
  });
});
