import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDaemonCheck } from "../../../../provider/agent/env/runtime/docker-daemon";

describe("The check whether docker's daemon answers", () => {
  let folder: string;
  let socket: string;
  let daemon: Server | undefined;
  let asked = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "container-ha-docker-"));
    socket = join(folder, "docker.sock");
    asked = 0;
  });
  afterEach(() => {
    daemon?.close();
    daemon?.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  /** `answer`: its status; null: it hangs. */
  function listen(answer: number | null): Promise<void> {
    daemon = createServer((_request, response) => {
      asked += 1;
      if (answer !== null) response.writeHead(answer).end("OK");
    });
    return new Promise((resolve) => daemon!.listen(socket, resolve));
  }

  it("passes where it answers, and leaves it to the command where there is none", async () => {
    await createDaemonCheck(socket)();
    await listen(200);
    await createDaemonCheck(socket)();
    assert.equal(asked, 1);
  });

  it("tells within seconds that it hangs, and again at once, without asking it once more", async () => {
    await listen(null);
    const check = createDaemonCheck(socket);
    await assert.rejects(check(), /docker does not work on this host: its daemon does not answer within 2 s/);
    const again = performance.now();
    await assert.rejects(check(), /does not answer/);
    assert.ok(performance.now() - again < 500);
    assert.equal(asked, 1);
  });

  it("tells that it fails", async () => {
    await listen(500);
    await assert.rejects(createDaemonCheck(socket)(), /its daemon answers with status 500/);
  });
});
