import type { Policy } from "../contract";
import type { Env } from "./env";
import { timingSentence } from "./status";

export interface Teller {
  /** With a certificate that nobody accepts every other message would be a riddle. */
  certificate(): Promise<void>;
  timing(policy: Policy): void;
  /** Tells of trouble when it begins or changes, not in each cycle; an empty text: there is none. */
  faults(sentence: string): void;
}

/** What the agent says of itself, once each time it changes, over all its sessions. */
export function createTeller({ host, log }: Pick<Env, "host" | "log">): Teller {
  let toldTiming = "";
  let toldFaults = "";
  return {
    async certificate() {
      const wrong = await host.certificateFault().catch((error: Error) => error.message);
      if (wrong) log.event({ kind: "certificate", sentence: wrong });
    },
    timing(policy) {
      const sentence = timingSentence(policy);
      if (sentence !== toldTiming) log.event({ kind: "timing", sentence });
      toldTiming = sentence;
    },
    faults(sentence) {
      if (sentence !== "" && sentence !== toldFaults) log.event({ kind: "error", sentence });
      toldFaults = sentence;
    },
  };
}
