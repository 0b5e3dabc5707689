/** A command that an engine is busy with for one container. It may go on after its caller has what it wanted. */
export interface Job {
  /** Resolves when the engine is done, whether it succeeded or not. */
  over: Promise<void>;
  /** Why it failed, once it is over. */
  error: Error | null;
  /** Somebody killed the container meanwhile, so that a failure is no news. */
  killed: boolean;
  /** Process of the engine's command; null: it has not started. */
  pid: number | null;
}

export interface Jobs {
  of(container: string): Job | undefined;
  /** `work` is given what to call with the process of the engine's command. */
  begin(container: string, work: (onStart: (pid: number) => void) => Promise<unknown>): Job;
  /** How often its death was asked for: an operation that sees another number than at its start ends. */
  kills(container: string): number;
  /** Its death is asked for: what the engine does for it now may fail. */
  noteKill(container: string): void;
}

export function createJobs(): Jobs {
  const running = new Map<string, Job>();
  const kills = new Map<string, number>();
  return {
    of: (container) => running.get(container),
    kills: (container) => kills.get(container) ?? 0,
    noteKill(container) {
      kills.set(container, (kills.get(container) ?? 0) + 1);
      const job = running.get(container);
      if (job) job.killed = true;
    },
    begin(container, work) {
      if (running.has(container)) throw new Error(`an earlier command for ${container} has not ended yet`);
      const job: Job = { over: Promise.resolve(), error: null, killed: false, pid: null };
      job.over = work((pid) => {
        job.pid = pid;
      })
        .catch((error: Error) => {
          job.error = error;
        })
        .then(() => void running.delete(container));
      running.set(container, job);
      return job;
    },
  };
}
