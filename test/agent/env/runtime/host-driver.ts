import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Log, Runtime } from "../../../../provider/agent/env";
import { createRuntime } from "../../../../provider/agent/env/runtime";

/**
 * Runs on a test host: the real runtime, one call per line of JSON from the test (`{"id", "call", "argument"}`), and one
 * line back for each result, exit and log entry. Times are this host's milliseconds.
 */
const [group = "", host = "", port = ""] = process.argv.slice(2);

const said: string[] = [];
const log: Log = {
  debug: (sentence) => void said.push(sentence),
  info: (sentence) => void said.push(sentence),
  warn: (sentence) => void said.push(`warn: ${sentence}`),
  event: ({ sentence }) => void said.push(sentence),
};
const runtime = createRuntime({ group, host, log });

createServer((socket) => {
  const tell = (line: object) => socket.write(`${JSON.stringify(line)}\n`);
  socket.on("error", () => undefined);
  runtime.onExit((container) => tell({ exit: container, at: Date.now() }));
  const lines = createInterface(socket).on("error", () => undefined);
  lines.on("line", async (line) => {
    const { id, call, argument } = JSON.parse(line);
    const begun = performance.now();
    try {
      const result = await answer(call, argument);
      tell({ id, result: result ?? null, ms: performance.now() - begun, said: said.splice(0) });
    } catch (error) {
      tell({ id, error: (error as Error).message, ms: performance.now() - begun, said: said.splice(0) });
    }
  });
}).listen(Number(port));

async function answer(call: string, argument: unknown): Promise<unknown> {
  const values = Array.isArray(argument) ? argument : [argument];
  // No promise comes through a pipe: one that is given stands for one that is never kept.
  for (const value of values) if (value?.ready) value.ready = new Promise(() => {});
  const method = runtime[call as keyof Runtime] as (...values: unknown[]) => unknown;
  return method(...values);
}
