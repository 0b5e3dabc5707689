import type { Log } from "../../../../provider/agent/env";

/** A log that keeps its sentences for assertions. */
export function quietLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const add = (sentence: string) => void lines.push(sentence);
  return { lines, debug: add, info: add, warn: add, event: ({ sentence }) => add(sentence) };
}
