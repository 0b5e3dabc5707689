import type { StepBack, WorkloadClient } from "./workload";

/** One connection to a program, in the program's own protocol. What it throws that is no `WrongAnswer` ended it. */
export interface Session {
  /** Has the program do the next piece of work; resolves to how many it has done, as it says itself. */
  work(): Promise<number>;
  /** How many it has done, as it says itself. */
  done(): Promise<number>;
  close(): void;
}

/** An answer that the program may never give, as a sentence. */
export class WrongAnswer extends Error {}

const PACE_MS = 20;
const RECONNECT_MS = 50;

/**
 * Has a program work, one piece after the other, over one session that is opened anew only when it was lost. What the
 * program counts and what was acknowledged are compared with each answer and with each new session.
 */
export function startWorking(open: () => Promise<Session>): WorkloadClient {
  const stepsBack: StepBack[] = [];
  const faults: string[] = [];
  let acknowledged = 0;
  /** What the program has counted less than was acknowledged; below 0: it counts what it never acknowledged, too. */
  let behind: number | null = null;
  let sessions = 0;
  let lastAt = performance.now();
  let longestMs = 0;
  let current: Session | null = null;
  let stopped = false;
  const finished = run();

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        current ??= await begin();
        acknowledge(await current.work());
        await pause(PACE_MS);
      } catch (error) {
        if (error instanceof WrongAnswer) faults.push(error.message);
        current?.close();
        current = null;
        await pause(RECONNECT_MS);
      }
    }
  }

  async function begin(): Promise<Session> {
    const session = await open();
    try {
      compare(await session.done());
    } catch (error) {
      session.close();
      throw error;
    }
    sessions += 1;
    return session;
  }

  /** The last piece may have been done although the session ended before its answer; no more than that. */
  function compare(done: number): void {
    const missing = behind === null ? 0 : acknowledged - behind - done;
    if (missing > 0)
      stepsBack.push({ at: performance.now(), acknowledged, remembered: acknowledged - missing });
    if (missing < -1) faults.push(`it says that it has done ${-missing} more than it was asked for`);
    behind = acknowledged - done;
  }

  function acknowledge(done: number): void {
    const expected = acknowledged - behind! + 1;
    acknowledged += 1;
    if (done !== expected) {
      faults.push(`over one session it said ${done} after ${expected - 1}`);
      behind = acknowledged - done;
    }
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastAt);
    lastAt = now;
  }

  return {
    acknowledged: () => acknowledged,
    async remembered() {
      const session = await open();
      try {
        return (await session.done()) + (behind ?? 0);
      } finally {
        session.close();
      }
    },
    stepsBack: () => stepsBack,
    reconnects: () => Math.max(0, sessions - 1),
    longestGapMs: () => Math.round(Math.max(longestMs, performance.now() - lastAt)),
    faults: () => faults,
    async stop() {
      stopped = true;
      current?.close();
      await finished;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
