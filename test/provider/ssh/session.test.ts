import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CommandFailed, UserError } from "../../../provider/errors";
import { closeAll } from "../../../provider/ssh/pool";
import { withHost } from "../../../provider/ssh/session";
import { type SshServer, startSshServer } from "../../support/ssh-server";

describe("a session with a host", () => {
  let server: SshServer;
  let dir: string;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "session-"));
    server = await startSshServer();
  });
  afterEach(async () => {
    await closeAll();
    await server.close();
    rmSync(dir, { recursive: true });
  });

  it("names the host and shows its key", async () => {
    await withHost(server.connection(), async (host) => {
      assert.equal(host.name, `root@127.0.0.1:${server.port}`);
      assert.ok(server.hostKey().startsWith(host.hostKey.line));
    });
  });

  it("refuses wrong arguments before anything is touched", async () => {
    await assert.rejects(
      withHost({ ...server.connection(), hostKey: undefined }, async () => undefined),
      (error) => error instanceof UserError && /^connection\.hostKey: is missing/.test(error.message),
    );
    assert.equal(server.seen.connections, 0);
  });

  it("reads a file, and tells a missing one from one it may not read", async () => {
    writeFileSync(join(dir, "f"), "text\n");
    await withHost(server.connection(), async (host) => {
      assert.equal(await host.readFile(join(dir, "f")), "text\n");
      assert.equal(await host.readFile(join(dir, "missing")), null);
      await assert.rejects(host.readFile(dir), CommandFailed);
    });
  });

  describe("forwarding a port", () => {
    let echo: Server;
    let port: number;

    beforeEach(async () => {
      echo = createServer((socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
      port = (echo.address() as AddressInfo).port;
    });
    afterEach(() => {
      echo.close();
    });

    it("leads to an address behind the host and ends with the session", async () => {
      const local = await withHost(server.connection(), async (host) => {
        const forward = await host.forward({ host: "127.0.0.1", port });
        const socket = connect(forward.port, "127.0.0.1");
        socket.end("hello");
        assert.equal(await text(socket), "hello");
        return forward.port;
      });
      assert.deepEqual(server.seen.forwards, [{ host: "127.0.0.1", port }]);
      await assert.rejects(dialOnce(local), /ECONNREFUSED/);
    });

    it("closes the local connection where nobody listens behind the host", async () => {
      echo.close();
      await withHost(server.connection(), async (host) => {
        const forward = await host.forward({ host: "127.0.0.1", port });
        assert.equal(await text(connect(forward.port, "127.0.0.1")), "");
      });
    });
  });
});

function dialOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}
