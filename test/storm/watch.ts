import { readIfThere } from "../../provider/agent/env/runtime/read-if-there";
import type { Workload, WorkloadClient } from "../workloads/workload";
import type { Span } from "./bounds";
import type { AcknowledgedAt, Loss } from "./memory";

/** What a program's clients saw of it, Unix ms. */
export interface Watch {
  workload: Workload;
  client: WorkloadClient;
  /** Times without an acknowledgement that have ended, since the last call. */
  silences(): Span[];
  /** Since when nothing was acknowledged, where that lasts. */
  silentSince(): number | null;
  /** What new sessions found to be lost, since the last call. */
  losses(): Loss[];
  /** For times since the last `forget`. */
  acknowledgedAt: AcknowledgedAt;
  /** Nobody asks any more what was acknowledged before. */
  forget(before: number): void;
  stop(): Promise<void>;
}

const LOOK_MS = 25;
/** Shorter ones are a program's own. */
const SILENCE_MS = 400;
/**
 * A session sends again what was lost later and later; so a program that is silent is asked over fresh ones, too, one
 * after the other: it serves again when any of them is answered.
 */
const ASK_AGAIN_MS = 250;
const ASKING_LIMIT = 12;
/** This program is late by more than what a busy machine makes it anyway. */
const PAUSE_MS = 100;
const SHORTAGE_LOOK_MS = 100;
const PRESSURE = "/proc/pressure/cpu";

export function watch(workload: Workload, client: WorkloadClient): Watch {
  let acknowledged = client.acknowledged();
  let aliveAt = Date.now();
  let askedAt = 0;
  let asking = 0;
  let silences: Span[] = [];
  let losses = 0;
  const samples = [{ at: aliveAt, count: acknowledged }];

  const alive = (at: number) => {
    if (at - aliveAt >= SILENCE_MS) silences.push({ from: aliveAt, to: at });
    aliveAt = Math.max(aliveAt, at);
  };
  const ask = async () => {
    askedAt = Date.now();
    asking += 1;
    try {
      await client.remembered();
      alive(Date.now());
    } catch {
      // Nobody answered this one; the next is on its way.
    } finally {
      asking -= 1;
    }
  };
  const timer = setInterval(() => {
    const now = Date.now();
    if (client.acknowledged() !== acknowledged) {
      acknowledged = client.acknowledged();
      samples.push({ at: now, count: acknowledged });
      alive(now);
    }
    if (now - Math.max(aliveAt, askedAt) >= ASK_AGAIN_MS && asking < ASKING_LIMIT) void ask();
  }, LOOK_MS);

  return {
    workload,
    client,
    silences() {
      const ended = silences;
      silences = [];
      return ended;
    },
    silentSince: () => (Date.now() - aliveAt >= SILENCE_MS ? aliveAt : null),
    losses() {
      const found = client.stepsBack().slice(losses);
      losses += found.length;
      return found.map((step) => ({ ...step, at: performance.timeOrigin + step.at }));
    },
    acknowledgedAt(at) {
      const sample = samples.findLast((one) => one.at <= at) ?? samples[0]!;
      return { count: sample.count, lastAt: sample.at };
    },
    forget(before) {
      const kept = samples.findLastIndex(({ at }) => at <= before);
      if (kept > 0) samples.splice(0, kept);
    },
    async stop() {
      clearInterval(timer);
      await client.stop();
    },
  };
}

/**
 * Times in which something waited for a processor, this program or any other: all hosts share those of this machine, and
 * what is slow then is not slow by itself. By the kernel's pressure stall information, where it is built in.
 */
export function watchShortage(): { all(): Span[]; stop(): void } {
  const shortages: Span[] = [];
  let last = Date.now();
  let stalled = stalledMs();
  const timer = setInterval(() => {
    const now = Date.now();
    const stalledNow = stalledMs();
    const ownMs = now - last > SHORTAGE_LOOK_MS + PAUSE_MS ? now - last : 0;
    const ms = Math.min(now - last, Math.max(stalledNow - stalled, ownMs));
    if (ms > 0) shortages.push({ from: now - ms, to: now });
    [last, stalled] = [now, stalledNow];
  }, SHORTAGE_LOOK_MS);
  return { all: () => shortages, stop: () => clearInterval(timer) };
}

/** Since the machine started. */
function stalledMs(): number {
  return Number(/^some .*total=(\d+)/m.exec(readIfThere(PRESSURE) ?? "")?.[1] ?? 0) / 1000;
}
