import assert from "node:assert/strict";
import type { LeaseEvent } from "../../../provider/agent/env";
import { settled } from "./fake-clock";
import { createOwner, type FakeHost, HOST, joinOf, keys, MAC, OTHER } from "./fake-host";

type Asking = Extract<LeaseEvent, { type: "asking" }>;

/** An owner whose group serves on without a quorum; `MAC` is open in set b. */
async function createFailsafeOwner(): Promise<FakeHost> {
  const host = await createOwner([MAC]);
  await host.lease.configure({
    protected: [MAC, OTHER],
    here: [MAC],
    probe: [],
    leaseMs: 500,
    intervalMs: 100,
    failsafe: true,
  });
  do await host.live(100);
  while (!host.trace.at(-1)?.startsWith("flip b"));
  host.forget();
  return host;
}

function asked(host: FakeHost): Asking[] {
  return host.events.filter((event) => event.type === "asking");
}

async function vouch(host: FakeHost, { sid, attempt }: Asking, promised = true): Promise<void> {
  await host.lease.vouch({ sid, attempt, promised });
  await settled();
}

/** The store is gone; time passes until the renewal that is on its way asks. */
async function untilAsked(host: FakeHost): Promise<Asking> {
  const before = asked(host).length;
  for (let waited = 0; asked(host).length === before; waited += 20) {
    assert.ok(waited < 400, "nobody is asked");
    await host.live(20);
  }
  return asked(host).at(-1)!;
}

describe("a renewal that the store does not acknowledge, in a group that serves on without a quorum", () => {
  it("is asked for after its timers were armed, and flips to them when all have promised", async () => {
    const host = await createFailsafeOwner();
    host.store.fate = "lose";
    const asking = await untilAsked(host);
    assert.deepEqual(asking.macs, [MAC]);
    assert.equal(asking.leaseMs, 500);
    assert.deepEqual(host.trace.slice(-2), [`arm a 500 ${MAC}`, "send"]);
    await vouch(host, asking);
    assert.equal(host.trace.at(-1), `flip a ${MAC}`);
  });

  it("keeps the gate open for as long as every renewal is promised", async () => {
    const host = await createFailsafeOwner();
    host.store.fate = "lose";
    for (let round = 0; round < 8; round++) {
      await vouch(host, await untilAsked(host));
      assert.deepEqual(host.kernel.open(), [MAC]);
    }
    assert.deepEqual(asked(host).length, host.events.length);
  });

  it("opens nothing when one has not promised, and the lease lapses in its time", async () => {
    const host = await createFailsafeOwner();
    host.store.fate = "lose";
    await vouch(host, await untilAsked(host), false);
    await host.live(500);
    assert.deepEqual(host.kernel.open(), []);
    assert.ok(host.events.some(({ type }) => type === "lapsed"));
  });

  it("is not opened by promises for an older one", async () => {
    const host = await createFailsafeOwner();
    host.store.fate = "lose";
    const first = await untilAsked(host);
    const second = await untilAsked(host);
    host.forget();
    await vouch(host, first);
    assert.deepEqual(host.trace, []);
    await vouch(host, second);
    assert.deepEqual(host.trace, [`flip a ${MAC}`]);
  });

  it("opens nothing that has left meanwhile", async () => {
    const host = await createFailsafeOwner();
    host.store.fate = "lose";
    const asking = await untilAsked(host);
    await host.lease.leave(MAC);
    await vouch(host, asking);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("is not promised after a lapse: then the store has to tell who owns what", async () => {
    const host = await createFailsafeOwner();
    host.store.fate = "lose";
    const asking = await untilAsked(host);
    host.clock.pause(600);
    await vouch(host, asking);
    const before = asked(host).length;
    await host.live(1000);
    assert.deepEqual(host.kernel.open(), []);
    assert.equal(asked(host).length, before);
  });

  it("asks nobody while a MAC joins, which only the store can allow", async () => {
    const host = await createFailsafeOwner();
    host.store.fates = ["lose"];
    const joined = host.lease.join(joinOf(OTHER, "c2"));
    await host.live(40);
    assert.deepEqual(asked(host), []);
    assert.equal((await joined).result, "unknown");
  });

  it("asks nobody when it was refused: the session may have ended", async () => {
    const host = await createFailsafeOwner();
    host.store.put(keys.fence(HOST, "s1"), "{}");
    host.store.fates = ["commit"];
    host.store.fate = "lose";
    await host.live(800);
    assert.deepEqual(asked(host), []);
    assert.deepEqual(host.kernel.open(), []);
  });

  it("asks nobody where the group freezes without a quorum", async () => {
    const host = await createOwner([MAC]);
    host.store.fate = "lose";
    await host.live(1000);
    assert.deepEqual(asked(host), []);
    assert.deepEqual(host.kernel.open(), []);
  });
});
