import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a condition of the kernel that has no event, looking each millisecond. Rejects with `what` when late. */
export async function until(
  condition: () => boolean,
  options: { what: string; timeoutMs: number },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`not within ${options.timeoutMs / 1000} s: ${options.what}`);
    await sleep(1);
  }
}
