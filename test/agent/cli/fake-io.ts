import assert from "node:assert/strict";
import type { CliIo } from "../../../provider/agent/cli/io";

/** What a command may touch, where nothing is there and nobody can be asked, but for what the test gives. */
export function fakeIo(given: Partial<CliIo>): CliIo {
  return {
    socketPath: "/nonexistent/agent.sock",
    out: () => {},
    readStdin: async () => "",
    ask: async () => null,
    readSecret: async () => "",
    runProgram: async () => ({ code: 0, stderr: "" }),
    sleep: async () => {},
    interrupted: () => new AbortController().signal,
    voters: async () => null,
    agentUnit: async () => null,
    recovery: () => assert.fail("nothing is to be rebuilt here"),
    ...given,
  };
}
