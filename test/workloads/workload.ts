import type { ImageSpec } from "../lab/image";

/**
 * A program that was not written for this project, as its users run it, with the client that judges whether what it
 * acknowledged is still there.
 */
export interface Workload {
  /** A container's name, and that of its image in the lab's registry. */
  name: string;
  image: ImageSpec;
  command: string[];
  envs: string[];
  /** MB. */
  memory?: number;
  probe: { tcp: { port: number } } | { http: { port: number; path: string } } | { exec: string[] };
  /** Seconds that it may take to start. */
  startPeriod: number;
  /** Starts a client of its own kind against the virtual IP. */
  client(address: string): WorkloadClient;
}

/** Works against the program without a pause, over one session that it keeps as long as it can. */
export interface WorkloadClient {
  /**
   * Work that was acknowledged until now, in the order in which it was: a number that only grows. What a restored
   * program must still know is all that was acknowledged before its checkpoint was taken: `stepsBack` tells.
   */
  acknowledged(): number;
  /**
   * What the program itself says it has of that work, asked over a fresh session; what a step back took and the client
   * has seen is not held against it again.
   */
  remembered(): Promise<number>;
  /** Where a new session found less than was acknowledged: the program began again from a checkpoint, or from nothing. */
  stepsBack(): StepBack[];
  /** How often its session was lost and made anew. */
  reconnects(): number;
  /** The longest time without an acknowledgement until now, ms, and since when it lasts, if one lasts. */
  longestGapMs(): number;
  /** Answers that can never be right, as sentences: a step back within one life, wrong data, a mixed-up session. */
  faults(): string[];
  stop(): Promise<void>;
}

/** In numbers of `acknowledged`. */
export interface StepBack {
  /** When the new session found it (`performance.now()`). */
  at: number;
  acknowledged: number;
  /** All up to here is there, what came later is not. */
  remembered: number;
}
