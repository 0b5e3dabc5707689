import type { SimProcess } from "./process";

/**
 * works    switches the host off and says so
 * fails    does nothing and says so
 * missing  is not installed
 * hangs    is killed at its time limit, having done nothing
 * lies     does nothing and says that the host is off
 */
export type FencingBehaviour = "works" | "fails" | "missing" | "hangs" | "lies";

/** The fencing command; its last word is the host. */
export interface SimFencing {
  behaviour: FencingBehaviour;
  /** Hosts that it was called for. */
  calls: string[];
  run(process: SimProcess, argv: string[]): Promise<void>;
}

const TAKES_MS = 200;
const LIMIT_MS = 60_000;

export function createFencing({ powerOff }: { powerOff(host: string): void }): SimFencing {
  const fencing: SimFencing = {
    behaviour: "works",
    calls: [],
    async run(process, argv) {
      const host = argv.at(-1)!;
      fencing.calls.push(host);
      const { behaviour } = fencing;
      if (behaviour === "missing") throw new Error("fence_test is not installed on this host");
      if (behaviour === "lies") return;
      await process.wait(behaviour === "hangs" ? LIMIT_MS : TAKES_MS);
      if (behaviour === "hangs") throw new Error("fence_test did not end within 60 s and was killed");
      if (behaviour === "fails") throw new Error("fence_test failed with exit status 1");
      powerOff(host);
    },
  };
  return fencing;
}
