import type { Log } from "../../../../provider/agent/env";

/** A log that keeps its sentences for assertions. */
export function quietLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const add = (sentence: string) => void lines.push(sentence);
  return { lines, debug: add, info: add, warn: add, event: ({ sentence }) => add(sentence) };
}

/** Resolves once `condition` holds; rejects after `timeoutMs` with what was waited for. */
export async function until(what: string, condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
