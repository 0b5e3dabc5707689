import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { CommandFailed, LinkLost } from "../../../provider/errors";
import type { ConnectionArgs } from "../../../provider/ssh/connection-args";
import { closeAll } from "../../../provider/ssh/pool";
import { type HostSession, withHost } from "../../../provider/ssh/session";
import { type SshServer, startSshServer } from "../../support/ssh-server";

describe("running a command on a host", () => {
  let server: SshServer;
  let binDir: string;

  beforeEach(async () => {
    binDir = mkdtempSync(join(tmpdir(), "bin-"));
    server = await startSshServer({ path: `${binDir}:${process.env.PATH}` });
  });
  afterEach(async () => {
    await closeAll();
    await server.close();
    rmSync(binDir, { recursive: true });
  });

  const on = <T>(work: (host: HostSession) => Promise<T>, overrides?: Partial<ConnectionArgs>) =>
    withHost(server.connection(overrides), work);
  const failure = async (
    work: (host: HostSession) => Promise<unknown>,
    overrides?: Partial<ConnectionArgs>,
  ) => {
    const error = await on(work, overrides).then(
      () => assert.fail("it succeeded"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof CommandFailed)) throw error;
    return error;
  };
  const program = (name: string, script: string) => {
    writeFileSync(join(binDir, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(binDir, name), 0o755);
  };

  it("gives its output and status", async () => {
    const result = await on((host) =>
      host.run(["sh", "-c", "echo out; echo err >&2; exit 3"], { check: false }),
    );
    assert.deepEqual(result, { code: 3, stdout: "out\n", stderr: "err\n" });
  });

  it("gives nothing of what the login shell prints before it", async () => {
    const noisy = await startSshServer({ path: process.env.PATH, greeting: "Welcome to this host!" });
    const { stdout } = await withHost(noisy.connection(), (host) => host.run(["echo", "own"]));
    assert.equal(stdout, "own\n");
    await closeAll();
    await noisy.close();
  });

  it("passes odd words exactly", async () => {
    const odd = ["a b", "it's", "$HOME", "`id`", "*", "", "a\nb", "\\", '"', "-n", "ä漢🙂", "X=y"];
    const { stdout } = await on((host) => host.run(["printf", "%s|", ...odd]));
    assert.equal(stdout, odd.map((word) => `${word}|`).join(""));
  });

  it("passes stdin, as text, as bytes and as a stream, and ends it", async () => {
    const bytes = Buffer.alloc(2_500_000, "0123456789");
    await on(async (host) => {
      assert.equal((await host.run(["cat"], { stdin: "text" })).stdout, "text");
      assert.equal((await host.run(["wc", "-c"], { stdin: bytes })).stdout.trim(), "2500000");
      assert.equal(
        (await host.run(["wc", "-c"], { stdin: Readable.from([bytes, bytes]) })).stdout.trim(),
        "5000000",
      );
      assert.equal((await host.run(["cat"])).stdout, "");
    });
  });

  it("survives a command that does not read its input", async () => {
    const { code } = await on((host) => host.run(["true"], { stdin: Buffer.alloc(8_000_000) }));
    assert.equal(code, 0);
  });

  it("fails with the reason when the source of the input fails", async () => {
    const broken = new Readable({ read: () => broken.destroy(new Error("disk read error")) });
    await assert.rejects(
      on((host) => host.run(["cat"], { stdin: broken })),
      /disk read error/,
    );
  });

  it("passes variables by a quoted prefix", async () => {
    const { stdout } = await on((host) => host.script('echo "$GREETING"', { env: { GREETING: "a $b 'c'" } }));
    assert.equal(stdout, "a $b 'c'\n");
  });

  it("gives a script its arguments and leaves its stdin free", async () => {
    const { stdout } = await on((host) =>
      host.script('echo "$1/$2"; cat', { args: ["a b", "$c"], stdin: "data" }),
    );
    assert.equal(stdout, "a b/$c\ndata");
  });

  it("says host, command, status and the last lines when it fails", async () => {
    const error = await failure((host) => host.script("seq 1 50 >&2; exit 4", { label: "count" }));
    assert.match(error.message, /^`count` on root@127\.0\.0\.1:\d+ failed with exit status 4: 43\n/);
    assert.equal(error.output.split("\n").at(-1), "50");
    assert.deepEqual([error.code, error.signal, error.fault, error.label], [4, null, "other", "count"]);
    assert.ok(!error.stack?.includes("    at "));
  });

  it("shows stdout where a command complains there", async () => {
    assert.match((await failure((host) => host.script("echo 'it broke'; exit 1"))).message, /it broke/);
  });

  it("says which signal ended it", async () => {
    const error = await failure((host) => host.script("kill -KILL $$"));
    assert.equal(error.signal, "SIGKILL");
    assert.equal((await on((host) => host.script("kill -TERM $$", { check: false }))).code, 143);
  });

  it("never shows what was sent on stdin, nor the connection's credentials", async () => {
    const error = await failure((host) =>
      host.script("cat >&2; echo let-me-in >&2; exit 1", {
        stdin: "key-material-1\nkey-material-2\n",
        label: "leak let-me-in",
      }),
    );
    assert.equal(error.output, "[secret]\n[secret]");
    for (const text of [error.message, String(error.stack), JSON.stringify(error)]) {
      assert.ok(!/key-material|let-me-in/.test(text), text);
    }
    assert.ok(!server.seen.commands.some((command) => command.includes("key-material")));
  });

  it("ends a command that hangs, here and on the host", async () => {
    const started = Date.now();
    const error = await failure((host) =>
      host.script("echo $$; exec sleep 60", { timeoutMs: 200, label: "hang" }),
    );
    assert.equal(error.fault, "timeout");
    assert.match(error.message, /`hang` on .* did not end within 0\.2 s/);
    assert.ok(Date.now() - started < 2000);
    const pid = error.output.trim();
    const gone = "while kill -0 $1 2>/dev/null; do sleep 0.02; done";
    await on((host) => host.script(gone, { args: [pid], timeoutMs: 3000 }));
  });

  it("is bounded when the host takes the command and never answers", async () => {
    await server.behave("hang-at-exec");
    const error = await failure((host) => host.run(["true"], { timeoutMs: 100 }));
    assert.equal(error.fault, "timeout");
  });

  it("says that the outcome is unknown when the link drops mid-command, and does not run it again", async () => {
    const running = on((host) => host.run(["sleep", "30"]));
    await server.started("sleep 30");
    server.dropLinks();
    const error = await running.catch((reason: unknown) => reason);
    assert.ok(error instanceof LinkLost);
    assert.match(error.message, /lost the connection to root@127\.0\.0\.1:\d+ during `sleep 30`.*not known/);
    assert.equal(error.retryable, true);
    assert.equal(server.seen.commands.length, 1);
  });

  it("runs everything through sudo when asked to", async () => {
    program("sudo", 'echo "sudo $1 $2"; shift 2; exec "$@"');
    const { stdout } = await on((host) => host.run(["echo", "done"]), { user: "me", sudo: true });
    assert.equal(stdout, "sudo -n --\ndone\n");
  });

  it("says what to do for a user who may not sudo without a password", async () => {
    program("sudo", "echo 'sudo: a password is required' >&2; exit 1");
    const error = await failure((host) => host.run(["id"]), { user: "me", sudo: true });
    assert.equal(error.fault, "no-sudo");
    assert.match(error.message, /me ALL=\(ALL\) NOPASSWD: ALL/);
  });

  it("says what to do where a user is neither root nor uses sudo", async () => {
    program("nft", "echo 'Operation not permitted (you must be root)' >&2; exit 1");
    const error = await failure((host) => host.run(["nft", "list", "ruleset"]), { user: "me" });
    assert.equal(error.fault, "permission-denied");
    assert.match(error.message, /connect as root, or set `sudo: true`/);
  });

  it("says which command is missing on the host", async () => {
    const error = await failure((host) => host.run(["no-such-command", "--version"]));
    assert.equal(error.fault, "command-not-found");
    assert.match(error.message, /no-such-command.*\n.*install its package/s);
  });
});
