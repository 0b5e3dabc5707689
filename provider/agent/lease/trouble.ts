import type { Log } from "../env";

/** Logs when a kind of trouble begins and ends, not each of its many repetitions. */
export interface Trouble {
  /** True when this kind of trouble is new. */
  begin(kind: string, sentence: string): boolean;
  /** Every other kind of trouble is over. */
  end(sentence: string): void;
}

export function createTrouble(log: Pick<Log, "info" | "warn">): Trouble {
  const now = new Set<string>();
  return {
    begin(kind, sentence) {
      if (now.has(kind)) return false;
      now.add(kind);
      log.warn(sentence);
      return true;
    },
    end(sentence) {
      if (now.size === 0) return;
      now.clear();
      log.info(sentence);
    },
  };
}
