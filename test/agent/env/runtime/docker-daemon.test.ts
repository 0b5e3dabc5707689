import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDaemonCheck } from "../../../../provider/agent/env/runtime/docker-daemon";

describe("The check whether docker's daemon answers", () => {
  let folder: string;
  let socketPath: string;
  let daemon: Server | undefined;
  let asked = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "container-ha-docker-"));
    socketPath = join(folder, "docker.sock");
    asked = 0;
  });
  afterEach(() => {
    daemon?.close();
    daemon?.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  /** One status for each question; null, and nothing: it hangs. */
  function listen(...answers: (number | null)[]): Promise<void> {
    daemon = createServer((_request, response) => {
      const status = answers[asked];
      asked += 1;
      if (status) response.writeHead(status).end("OK");
    });
    return new Promise((resolve) => daemon!.listen(socketPath, resolve));
  }

  it("passes where it answers, and leaves it to the command where there is none", async () => {
    await createDaemonCheck({ socketPath })();
    await listen(200);
    await createDaemonCheck({ socketPath })();
    assert.equal(asked, 1);
  });

  it("tells within seconds that one that has answered hangs, and again at once", async () => {
    await listen(200);
    const check = createDaemonCheck({ socketPath });
    await check();
    await assert.rejects(check(), /docker's daemon does not answer within 2 s/);
    const again = performance.now();
    await assert.rejects(check(), /does not answer/);
    assert.ok(performance.now() - again < 500);
    assert.equal(asked, 2);
  });

  it("waits longer for one that is only being started", async () => {
    daemon = createServer((_request, response) => {
      setTimeout(() => response.writeHead(200).end("OK"), 2_500);
    });
    await new Promise<void>((resolve) => daemon!.listen(socketPath, resolve));
    await createDaemonCheck({ socketPath })();
  });

  it("tells that it fails", async () => {
    await listen(500);
    await assert.rejects(createDaemonCheck({ socketPath })(), /docker's daemon answers with status 500/);
  });
});
