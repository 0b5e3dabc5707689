import { UserError } from "../errors";
import { scrub } from "../ssh/scrub";

/** What a handler gets besides its inputs. */
export interface Context<Outputs> {
  /** One line of progress for the person who waits: `installing criu`. Secrets are removed. */
  log(line: string): void;
  /**
   * Call as soon as anything was changed on a host, and again when more is known: from then on a failure keeps the
   * resource in the state with these outputs, so that the next `up` continues and `destroy` removes.
   */
  keep(outputs: Partial<Outputs>): void;
  /** Aborts when the operation's total time is over. */
  signal: AbortSignal;
}

export interface Operation<Outputs> {
  context: Context<Outputs>;
  /** What `keep` was told, or undefined when nothing was touched. */
  kept(): Partial<Outputs> | undefined;
  /** Runs the handler within the total time. */
  within<T>(run: () => Promise<T>): Promise<T>;
}

export function beginOperation<Outputs>(o: {
  /** `Host a`: begins every line. */
  subject: string;
  verb: string;
  timeoutMs: number;
  secrets: readonly string[];
}): Operation<Outputs> {
  const controller = new AbortController();
  let lastLine = "";
  let kept: Partial<Outputs> | undefined;
  return {
    context: {
      signal: controller.signal,
      log(line) {
        lastLine = scrub(line, o.secrets);
        console.log(`${o.subject}: ${lastLine}`);
      },
      keep(outputs) {
        kept = { ...kept, ...outputs };
      },
    },
    kept: () => kept,
    async within(run) {
      let timer: NodeJS.Timeout | undefined;
      const over = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          const error = new UserError(
            `${o.verb} did not end within ${o.timeoutMs / 60_000} minutes${lastLine ? `; the last step was: ${lastLine}` : ""}. Run the same operation again: it continues where it stopped.`,
          );
          controller.abort(error);
          reject(error);
        }, o.timeoutMs);
      });
      try {
        return await Promise.race([run(), over]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
