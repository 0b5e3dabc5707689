import type { LeaseEvent } from "../../../provider/agent/env";
import { createLease, type Lease } from "../../../provider/agent/lease/lease";
import { keysOf, type Owner } from "../../../provider/contract";
import { createFakeClock, type FakeClock } from "./fake-clock";
import { createFakeKernel, type FakeKernel } from "./fake-kernel";
import { createFakeStore, type FakeStore } from "./fake-store";

export const GROUP = "g";
export const HOST = "h1";
export const keys = keysOf(GROUP);
export const MAC = "02:00:00:00:00:01";
export const OTHER = "02:00:00:00:00:02";
export const BOOT = "boot-1";
export const session = { sid: "s1", record: '{"sid":"s1"}' };

export interface FakeHost {
  clock: FakeClock;
  store: FakeStore;
  kernel: FakeKernel;
  lease: Lease;
  events: LeaseEvent[];
  /** Kernel commands and transactions in their order. */
  trace: string[];
  log: string[];
  sessionFile: { sid: string; bootId: string; record: string } | null;
  /** Last heartbeat in the store. */
  heartbeat(): { sid: string; n: number; leaseMs: number };
  /** Time passes while the agent pings. */
  live(ms: number): Promise<void>;
  /** Lets the trace begin anew. */
  forget(): void;
}

export interface FakeHostOptions {
  timing?: { leaseMs: number; intervalMs: number };
  sessionFile?: FakeHost["sessionFile"];
  /** What outlived an earlier lease process. */
  from?: Pick<FakeHost, "clock" | "store" | "kernel" | "trace">;
}

export function createFakeHost(o: FakeHostOptions = {}): FakeHost {
  const trace = o.from?.trace ?? [];
  const log: string[] = [];
  const events: LeaseEvent[] = [];
  const write = (line: string) => void trace.push(line);
  const clock = o.from?.clock ?? createFakeClock();
  const store = o.from?.store ?? createFakeStore(write);
  const kernel = o.from?.kernel ?? createFakeKernel(clock, write);
  const say = (sentence: string) => void log.push(sentence);
  const host: FakeHost = {
    clock,
    store,
    kernel,
    events,
    trace,
    log,
    sessionFile: o.sessionFile ?? null,
    lease: createLease({
      group: GROUP,
      host: HOST,
      timing: o.timing ?? { leaseMs: 500, intervalMs: 100 },
      env: {
        clock,
        store,
        kernel,
        host: { bootId: async () => BOOT, readSession: async () => host.sessionFile },
        log: { debug: say, info: say, warn: say, event: ({ sentence }) => say(sentence) },
      },
    }),
    heartbeat: () => JSON.parse(store.records.get(keys.heartbeat(HOST))!.value),
    async live(ms) {
      for (let passed = 0; passed < ms; passed += 100) {
        host.lease.ping();
        await clock.advance(Math.min(100, ms - passed));
      }
    },
    forget: () => void trace.splice(0),
  };
  host.lease.onEvent((event) => void events.push(event));
  return host;
}

/** A host whose session was adopted and renewed, right now for the last time, with these MACs open in set b. */
export async function createOwner(macs: string[] = [], o: FakeHostOptions = {}): Promise<FakeHost> {
  const host = createFakeHost(o);
  host.store.put(keys.session(HOST), session.record);
  await host.lease.start();
  await host.lease.adopt(session);
  await host.live(100);
  for (const mac of macs) {
    const joined = host.lease.join(joinOf(mac));
    await host.live(100);
    await joined;
  }
  while (macs.length > 0 && !host.trace.at(-1)?.startsWith("flip b")) await host.live(100);
  host.forget();
  return host;
}

export function joinOf(mac: string, container = "c1") {
  return { container, mac, compares: [], writes: [{ put: keys.owner(container), value: "RUNNING" }] };
}

export function ownerRecord(o: Partial<Owner> = {}): string {
  const owner: Owner = {
    host: HOST,
    sid: session.sid,
    epoch: 3,
    phase: "RUNNING",
    gen: null,
    specDigest: "0".repeat(64),
    tries: 0,
    triedHosts: [],
    reason: "first start",
    since: "2026-01-01T00:00:00.000Z",
    lastFailover: null,
    ...o,
  };
  return JSON.stringify(owner);
}
