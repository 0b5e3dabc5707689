import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { AuthenticationFailed, HostUnreachable } from "../../../provider/errors";
import { parseConnection } from "../../../provider/ssh/connection-args";
import { acquire, closeAll } from "../../../provider/ssh/pool";
import { withHost } from "../../../provider/ssh/session";
import { type SshServer, startSshServer } from "../../support/ssh-server";

describe("the connection pool", () => {
  let server: SshServer;

  beforeEach(async () => {
    server = await startSshServer();
  });
  afterEach(async () => {
    await closeAll();
    await server.close();
  });

  it("runs twenty parallel handlers over one connection, eight commands at a time", async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withHost(server.connection(), (host) => host.run(["echo", String(i)])),
      ),
    );
    assert.deepEqual(
      results.map((result) => result.stdout.trim()),
      Array.from({ length: 20 }, (_, i) => String(i)),
    );
    assert.equal(server.seen.handshakes, 1);
    assert.equal(server.seen.peakChannels, 8);
  });

  it("makes do with an sshd that takes fewer sessions per connection, without besieging it", async () => {
    const strict = await startSshServer({ maxSessions: 2 });
    try {
      const script = 'sleep 0.2; echo "$1"';
      const runs = Array.from({ length: 8 }, (_, i) =>
        withHost(strict.connection(), (host) => host.script(script, { args: [String(i)] })),
      );
      assert.equal((await Promise.all(runs)).map((run) => run.stdout.trim()).join(""), "01234567");
      assert.equal(strict.seen.handshakes, 1);
      assert.ok(strict.seen.refusedChannels < 20, `${strict.seen.refusedChannels} refusals`);
    } finally {
      await strict.close();
    }
  });

  it("says that sshd starts nothing at all", async () => {
    const closed = await startSshServer({ maxSessions: 0 });
    try {
      const running = withHost(closed.connection(), (host) => host.run(["true"]));
      await assert.rejects(running, /`true` on .* ended without an exit status: sshd did not start it/);
    } finally {
      await closed.close();
    }
  });

  it("keeps other credentials and other users apart", async () => {
    await withHost(server.connection(), (host) => host.run(["true"]));
    await assert.rejects(
      withHost(server.connection({ password: "wrong" }), (host) => host.run(["true"])),
      AuthenticationFailed,
    );
    await withHost(server.connection({ user: "other" }), (host) => host.run(["true"]));
    assert.equal(server.seen.logins, 2);
  });

  it("shares one connection between handlers with and without sudo or other limits", async () => {
    await withHost(server.connection(), (host) => host.run(["true"]));
    await withHost(server.connection({ sudo: true, dialErrorLimit: 1 }), async () => undefined);
    assert.equal(server.seen.handshakes, 1);
  });

  it("connects again after the link broke", async () => {
    await withHost(server.connection(), async (host) => {
      await host.run(["true"]);
      const link = await host.link();
      server.dropLinks();
      await link.closed;
      await host.run(["true"]);
    });
    assert.equal(server.seen.handshakes, 2);
  });

  it("runs what had to wait for a channel over a new link when the first one broke", async () => {
    const args = server.connection();
    const first = Array.from({ length: 8 }, () => withHost(args, (host) => host.run(["sleep", "30"])));
    const outcomes = Promise.allSettled(first);
    while (server.seen.commands.length < 8) await setImmediate();
    const waiting = withHost(args, (host) => host.run(["echo", "waited"]));
    server.dropLinks();
    assert.ok((await outcomes).every(({ status }) => status === "rejected"));
    assert.equal((await waiting).stdout, "waited\n");
    assert.equal(server.seen.handshakes, 2);
  });

  it("tries anew after a failure instead of remembering it", async () => {
    await server.behave("refuse");
    const args = server.connection({ dialErrorLimit: 1 });
    await assert.rejects(
      withHost(args, (host) => host.run(["true"])),
      HostUnreachable,
    );
    await server.behave("normal");
    await withHost(args, (host) => host.run(["true"]));
  });

  it("asks a host once that has just let all attempts pass, and as often as ever after it answered", async () => {
    await server.behave("refuse");
    const attempts = async () => {
      const args = server.connection({ dialErrorLimit: 2 });
      const failure = await withHost(args, (host) => host.run(["true"])).then(
        () => null,
        (error: HostUnreachable) => error,
      );
      return failure?.attempts ?? 0;
    };
    assert.deepEqual([await attempts(), await attempts(), await attempts()], [2, 1, 1]);
    await server.behave("normal");
    assert.equal(await attempts(), 0);
    await closeAll();
    await server.behave("refuse");
    assert.equal(await attempts(), 2);
  });

  it("ends every connection at closeAll", async () => {
    const pooled = acquire(parseConnection(server.connection()));
    const link = await pooled.link();
    await closeAll();
    assert.equal(link.lost(), true);
  });
});
