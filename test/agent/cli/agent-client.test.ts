import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentLines, callAgent } from "../../../provider/agent/cli/agent-call";
import { ask } from "../../../provider/agent/cli/agent-client";

describe("client of the agent", () => {
  let folder: string;
  let socketPath: string;
  let server: Server;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "agent-client-"));
    socketPath = join(folder, "agent.sock");
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  function listen(listener: RequestListener): Promise<void> {
    server = createServer(listener);
    return new Promise((resolve) => server.listen(socketPath, resolve));
  }

  it("gives up on an agent that hangs", async () => {
    await listen(() => {});
    await assert.rejects(callAgent({ socketPath, method: "GET", path: "/status", timeoutMs: 50 }), {
      message: /^The agent did not answer within 0\.05 s\. Look at it with "systemctl status/,
      exitCode: 3,
    });
  });

  it("joins lines that come in pieces", async () => {
    await listen((_request, response) => {
      response.write('{"a":');
      setImmediate(() => response.end("1}\n{}\n"));
    });
    const lines: string[] = [];
    for await (const line of agentLines({ socketPath, method: "GET", path: "/events" })) lines.push(line);
    assert.deepEqual(lines, ['{"a":1}', "{}"]);
  });

  it("says that the agent stopped when its stream is cut", async () => {
    await listen((_request, response) => response.write("{}\n"));
    const lines = agentLines({ socketPath, method: "GET", path: "/events" });
    assert.equal((await lines.next()).value, "{}");
    server.closeAllConnections();
    await assert.rejects(lines.next(), { message: /^The agent stopped before it had answered/, exitCode: 3 });
  });

  it("refuses a reply that it does not understand", async () => {
    await listen((_request, response) => response.end('{"fine":true}'));
    await assert.rejects(
      ask({ socketPath }, { op: "status" }, (result) => result),
      { message: /^The agent's reply is not valid: ok: / },
    );
  });
});
