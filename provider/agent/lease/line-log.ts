import type { Log } from "../env";

/** One line per entry on standard output, with the priority that journald reads. Events are the agent's to keep. */
export function createLineLog(write: (line: string) => void = (line) => process.stdout.write(line)): Log {
  const line = (priority: number) => (sentence: string) =>
    write(`<${priority}>${sentence.replace(/\s*\n\s*/g, " | ")}\n`);
  return { debug() {}, info: line(6), warn: line(4), event: ({ sentence }) => line(5)(sentence) };
}
