export type Cancel = () => void;

/** Virtual time: events in the order of their time, then of their making. Nothing here waits for a real clock. */
export interface Scheduler {
  /** True milliseconds since the beginning, of which every host's clock is a function. */
  now(): number;
  after(ms: number, action: () => void): Cancel;
  /** Runs events, and everything that promises make of them, until `done` or until virtual time `until`. */
  run(until: number, done?: () => boolean): Promise<void>;
  /** Called after each event, when no promise is left to be continued. */
  onSettled(check: () => void): void;
}

interface Entry {
  time: number;
  order: number;
  action: (() => void) | null;
}

/** The process's own event loop gets a turn after so many events, for the test runner's sake. */
const EVENTS_PER_TURN = 2000;

export function createScheduler(): Scheduler {
  const heap: Entry[] = [];
  const checks: (() => void)[] = [];
  let now = 0;
  let order = 0;
  let events = 0;

  return {
    now: () => now,
    after(ms, action) {
      const entry: Entry = { time: now + Math.max(0, ms), order: order++, action };
      push(heap, entry);
      return () => {
        entry.action = null;
      };
    },
    async run(until, done = () => false) {
      await promisesContinued();
      while (!done() && heap.length > 0 && heap[0]!.time <= until) {
        const { time, action } = pop(heap);
        if (!action) continue;
        now = time;
        action();
        await promisesContinued();
        for (const check of checks) check();
        events += 1;
        if (events % EVENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      if (!done()) now = Math.max(now, until);
    },
    onSettled: (check) => {
      checks.push(check);
    },
  };
}

/** A tick comes only after the queue of promises is empty. */
function promisesContinued(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (isBefore(heap[parent]!, entry)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
    if (isBefore(last, heap[child]!)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
