import { atDeadline } from "./deadline";

export interface HedgeOptions<T> {
  addresses: readonly string[];
  /** The next address is asked when the one before has not answered for so long, or has failed. */
  hesitationMs: number;
  timeoutMs: number;
  attempt: (address: string, timeoutMs: number) => Promise<T>;
  /** It failed, or it hesitated and another one answered, or the time was over. */
  onFailure: (address: string, cause: Error) => void;
}

/**
 * What `attempt` gives at the address that answers first. A dead one costs the time of one hesitation, not its share of
 * the deadline: whoever reads through it must see how long a peer has been silent (safety.md 1.2). Rejects with every
 * cause when all failed or the time is over.
 */
export function hedged<T>(o: HedgeOptions<T>): Promise<T> {
  const startedAt = performance.now();
  const waiting = new Set<string>();
  const hesitant = new Set<string>();
  const rest = [...o.addresses];
  const causes: string[] = [];
  return new Promise((resolve, reject) => {
    let hesitation: NodeJS.Timeout | undefined;
    let over = false;

    const end = (silent: Iterable<string>) => {
      over = true;
      clearTimeout(hesitation);
      callOff();
      for (const address of silent) o.onFailure(address, new Error(`${address} did not answer in time`));
    };
    const giveUp = () => {
      end(waiting);
      for (const address of waiting) causes.push(`${address} did not answer`);
      reject(new Error(`no etcd endpoint answered within ${o.timeoutMs} ms: ${causes.join("; ")}`));
    };
    const callOff = atDeadline(o.timeoutMs, giveUp);

    const askNext = () => {
      clearTimeout(hesitation);
      const address = rest.shift();
      if (address === undefined) {
        if (waiting.size === 0) giveUp();
        return;
      }
      waiting.add(address);
      hesitation = setTimeout(() => {
        hesitant.add(address);
        askNext();
      }, o.hesitationMs);
      o.attempt(address, Math.max(o.timeoutMs - (performance.now() - startedAt), 1)).then(
        (value) => {
          if (over) return;
          hesitant.delete(address);
          end(hesitant);
          resolve(value);
        },
        (cause: Error) => {
          if (over) return;
          waiting.delete(address);
          hesitant.delete(address);
          causes.push(cause.message);
          o.onFailure(address, cause);
          askNext();
        },
      );
    };
    askNext();
  });
}
