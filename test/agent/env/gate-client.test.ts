import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Gate, LeaseEvent } from "../../../provider/agent/env";
import { createClock } from "../../../provider/agent/env/clock";
import { createGateClient } from "../../../provider/agent/env/gate-client";
import { serveGate } from "../../../provider/agent/lease/server";
import { until } from "../../support/until";
import { createFakeGate, type FakeGate } from "../lease/fake-gate";

const MAC = "02:00:00:00:00:01";
const settings = { protected: [MAC], here: [], probe: [], leaseMs: 500, intervalMs: 100 };
const join_ = {
  container: "c1",
  mac: MAC,
  compares: [{ key: "/k", modRevision: 3 }],
  writes: [{ put: "/k", value: "v" }],
};

describe("the agent's gate", () => {
  const folder = mkdtempSync(join(tmpdir(), "ha-gate-client-"));
  const socketPath = join(folder, "lease.sock");
  const log = { info() {}, warn() {} };
  let lease: FakeGate;
  let server: { close(): void } | null = null;
  let client: Gate & { close(): void };
  let events: LeaseEvent[];
  /** Added to the time that the client sees. */
  let skipped: number;

  beforeEach(async () => {
    events = [];
    skipped = 0;
    await startLease();
    const real = createClock();
    client = createGateClient({ socketPath, log, clock: { ...real, now: () => real.now() + skipped } });
    client.onEvent((event) => events.push(event));
  });
  afterEach(() => {
    client.close();
    stopLease();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function startLease(): Promise<void> {
    lease = createFakeGate();
    server = await serveGate({ gate: lease, path: socketPath, log });
  }
  function stopLease(): void {
    server?.close();
    server = null;
  }
  const called = (name: string) => lease.calls.filter((call) => (call as string[])[0] === name).length;

  it("carries every call over and every answer back", async () => {
    await client.adopt({ sid: "s1", record: "R" });
    await client.configure(settings);
    assert.deepEqual(await client.join(join_), { result: "committed", revision: 7 });
    await client.leave(MAC);
    assert.deepEqual(await client.state(), { sid: "s1", open: [], lapsed: false, leaseMs: 500 });
    client.ping();
    await until(() => lease.pings === 1, "a ping", 2000);
    assert.deepEqual(lease.calls, [
      ["adopt", "s1", "R"],
      ["configure", [MAC], [], [], 500, 100],
      ["join", "c1", MAC, join_.compares, join_.writes],
      ["leave", MAC],
    ]);
  });

  it("rejects with the lease process's reason", async () => {
    lease.leaving = async () => {
      throw new Error("nft died");
    };
    await assert.rejects(client.leave(MAC), /nft died/);
  });

  it("waits for a lease process that is not there yet", async () => {
    stopLease();
    const adopted = client.adopt({ sid: "s1", record: "R" });
    await startLease();
    await adopted;
    assert.deepEqual(lease.calls, [["adopt", "s1", "R"]]);
  });

  it("tells a restarted lease process the session and the configuration again", async () => {
    await client.adopt({ sid: "s1", record: "R" });
    await client.configure(settings);
    stopLease();
    await startLease();
    await until(() => called("adopt") > 0, "the session", 3000);
    assert.deepEqual(lease.calls, [
      ["configure", [MAC], [], [], 500, 100],
      ["adopt", "s1", "R"],
    ]);
  });

  it("calls a join unknown when the lease process ends before it replied, and never sends it again", async () => {
    await client.state();
    lease.joining = () => new Promise(() => {});
    const joined = client.join(join_);
    await until(() => called("join") > 0, "the join", 2000);
    stopLease();
    assert.equal((await joined).result, "unknown");
    await startLease();
    await client.state();
    assert.equal(called("join"), 0);
  });

  it("calls a join unknown at once while there is no lease process", async () => {
    await client.state();
    stopLease();
    await until(async () => (await client.join(join_)).result === "unknown", "an unknown join", 2000);
    assert.deepEqual(await client.join(join_), {
      result: "unknown",
      cause: "not sent: the lease process is not connected",
    });
  });

  it("asks again for a leave without a reply, which resolves only by a confirmation", async () => {
    lease.leaving = () => new Promise(() => {});
    let left = false;
    const leaving = client.leave(MAC).then(() => {
      left = true;
    });
    await until(() => called("leave") > 0, "the leave", 2000);
    stopLease();
    assert.equal(left, false);
    await startLease();
    await leaving;
    assert.equal(called("leave"), 1);
  });

  it("does not wait for ever for a lease process that is down, and says where to look", async () => {
    const real = createClock();
    const quick = createGateClient({
      socketPath: join(folder, "nobody.sock"),
      log,
      clock: { ...real, sleep: (ms, signal) => real.sleep(ms / 100, signal) },
    });
    for (const asked of [quick.leave(MAC), quick.configure(settings), quick.state()]) {
      await assert.rejects(
        asked,
        /^Error: the lease process has not answered `\w+` for 5 s; .*journalctl -u container-ha-lease/,
      );
    }
    quick.close();
  });

  it("passes events on, once each, also those that came while it was not connected", async () => {
    await client.state();
    lease.emit({ type: "lapsed", sid: "s1" });
    await until(() => events.length === 1, "the lapse", 2000);
    stopLease();
    await startLease();
    lease.emit({ type: "renewed", sid: "s1" });
    await until(() => events.length === 2, "the renewal", 3000);
    lease.emit({ type: "renewed", sid: "s1" });
    lease.emit({ type: "tampered", repaired: true, detail: "flushed" });
    await until(() => events.length === 3, "the tampering", 2000);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["lapsed", "renewed", "tampered"],
    );
  });

  it("does not call a session renewed that never lapsed", async () => {
    await client.state();
    lease.emit({ type: "renewed", sid: "s1" });
    lease.emit({ type: "lost", sid: "s1" });
    await until(() => events.length > 0, "an event", 2000);
    assert.deepEqual(events, [{ type: "lost", sid: "s1" }]);
  });

  it("counts the session as lapsed when the lease process stays away for 5 s", async () => {
    await client.adopt({ sid: "s1", record: "R" });
    stopLease();
    await until(async () => (await client.join(join_)).result === "unknown", "the loss", 2000);
    assert.deepEqual(events, []);
    skipped = 5100;
    await until(() => events.length > 0, "the lapse", 2000);
    assert.deepEqual(events, [{ type: "lapsed", sid: "s1" }]);
  });

  it("hangs up on a lease process that talks nonsense, and comes back", async () => {
    await client.state();
    lease.emit({ type: "tampered", repaired: "yes" } as unknown as LeaseEvent);
    await until(async () => (await client.state().catch(() => null)) !== null, "an answer", 3000);
    assert.deepEqual(events, []);
  });
});
