import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { HostKeyMismatch, HostUnreachable } from "../../../provider/errors";
import { closeAll } from "../../../provider/ssh/pool";
import { withHost } from "../../../provider/ssh/session";
import { type SshServer, startSshServer } from "../../support/ssh-server";

describe("a chain of proxies", () => {
  let outer: SshServer;
  let inner: SshServer;
  let target: SshServer;

  beforeEach(async () => {
    [outer, inner, target] = await Promise.all([
      startSshServer({ password: "outer-password" }),
      startSshServer({ password: "inner-password" }),
      startSshServer({ password: "target-password" }),
    ]);
  });
  afterEach(async () => {
    await closeAll();
    await Promise.all([outer.close(), inner.close(), target.close()]);
  });

  const chain = () => target.connection({ proxy: inner.connection({ proxy: outer.connection() }) });

  it("is gone through hop by hop, each with its own credentials and host key", async () => {
    const { stdout } = await withHost(chain(), (host) => host.run(["echo", "through"]));
    assert.equal(stdout, "through\n");
    assert.deepEqual(outer.seen.forwards, [{ host: "127.0.0.1", port: inner.port }]);
    assert.deepEqual(inner.seen.forwards, [{ host: "127.0.0.1", port: target.port }]);
    assert.equal(outer.seen.commands.length + inner.seen.commands.length, 0);
  });

  it("is shared by the hosts behind it", async () => {
    const second = await startSshServer();
    try {
      const proxy = outer.connection();
      await Promise.all(
        [target, second].map((server) =>
          withHost(server.connection({ proxy }), (host) => host.run(["true"])),
        ),
      );
      assert.equal(outer.seen.handshakes, 1);
    } finally {
      await second.close();
    }
  });

  it("carries a large upload", async () => {
    const content = Buffer.alloc(3_000_000, "x");
    const { stdout } = await withHost(chain(), (host) => host.run(["sha256sum"], { stdin: content }));
    assert.equal(stdout, `${createHash("sha256").update(content).digest("hex")}  -\n`);
  });

  it("names the hop whose host key is wrong", async () => {
    const args = chain();
    inner.changeHostKey();
    const error = await withHost(args, (host) => host.run(["true"])).catch((reason: unknown) => reason);
    assert.ok(error instanceof HostKeyMismatch);
    assert.equal(error.host, `root@127.0.0.1:${inner.port}`);
    assert.equal(target.seen.connections, 0);
  });

  it("says through which hop a host could not be reached", async () => {
    await target.behave("refuse");
    const error = await withHost({ ...chain(), dialErrorLimit: 2 }, (host) => host.run(["true"])).catch(
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof HostUnreachable);
    assert.equal(error.attempts, 2);
    assert.match(
      error.message,
      new RegExp(
        `cannot reach root@127.0.0.1:${target.port} through root@127.0.0.1:${inner.port}: 2 attempts`,
      ),
    );
    assert.equal(outer.seen.handshakes, 1);
  });

  it("fails once, not once per hop and attempt, when the first hop is down", async () => {
    const args = target.connection({ proxy: outer.connection({ dialErrorLimit: 2 }) });
    await outer.behave("refuse");
    const error = await withHost(args, (host) => host.run(["true"])).catch((reason: unknown) => reason);
    assert.ok(error instanceof HostUnreachable);
    assert.equal(error.host, `root@127.0.0.1:${outer.port}`);
    assert.equal(error.attempts, 2);
  });
});
