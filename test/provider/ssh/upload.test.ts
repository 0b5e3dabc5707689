import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { CommandFailed, LinkLost } from "../../../provider/errors";
import { closeAll } from "../../../provider/ssh/pool";
import { withHost } from "../../../provider/ssh/session";
import type { UploadArgs } from "../../../provider/ssh/upload";
import { type SshServer, startSshServer } from "../../support/ssh-server";

describe("uploading a file", () => {
  let server: SshServer;
  let binDir: string;
  let dir: string;

  beforeEach(async () => {
    const base = mkdtempSync(join(tmpdir(), "upload-"));
    binDir = join(base, "bin");
    dir = join(base, "a folder's name");
    mkdirSync(binDir);
    mkdirSync(dir);
    server = await startSshServer({ path: `${binDir}:${process.env.PATH}` });
  });
  afterEach(async () => {
    await closeAll();
    await server.close();
    rmSync(join(dir, ".."), { recursive: true });
  });

  const upload = (args: Partial<UploadArgs> & Pick<UploadArgs, "content">) =>
    withHost(server.connection(), (host) =>
      host.upload({ path: join(dir, "agent.json"), mode: 0o640, ...args }),
    );
  const fake = (name: string, script: string) => {
    writeFileSync(join(binDir, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(binDir, name), 0o755);
  };
  const failure = async (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => assert.fail("it succeeded"),
      (reason: unknown) => reason,
    );

  it("writes content and permissions, and leaves nothing else", async () => {
    const content = randomBytes(300_000);
    const result = await upload({ content });
    assert.deepEqual(result, { changed: true, sha256: createHash("sha256").update(content).digest("hex") });
    assert.deepEqual(readFileSync(join(dir, "agent.json")), content);
    assert.equal(statSync(join(dir, "agent.json")).mode & 0o7777, 0o640);
    assert.deepEqual(readdirSync(dir), ["agent.json"]);
  });

  it("writes an empty file", async () => {
    await upload({ content: "" });
    assert.equal(readFileSync(join(dir, "agent.json"), "utf8"), "");
  });

  it("sends nothing where the host has the same content, but puts permissions right", async () => {
    await upload({ content: "same" });
    chmodSync(join(dir, "agent.json"), 0o777);
    const inode = statSync(join(dir, "agent.json")).ino;
    assert.equal((await upload({ content: "same" })).changed, false);
    assert.equal(statSync(join(dir, "agent.json")).mode & 0o7777, 0o640);
    assert.equal(statSync(join(dir, "agent.json")).ino, inode);
    assert.equal((await upload({ content: "other" })).changed, true);
    assert.equal(readFileSync(join(dir, "agent.json"), "utf8"), "other");
  });

  it("sets the owner", async function () {
    if (process.getuid?.() !== 0) this.skip();
    await upload({ content: "x", owner: "daemon:daemon" });
    assert.equal(statSync(join(dir, "agent.json")).uid, 1);
  });

  it("streams a local file compressed with zstd", async function () {
    if (!programs("zstd")) this.skip();
    const file = runtime();
    await upload({ content: { file }, compress: true });
    assert.deepEqual(readFileSync(join(dir, "agent.json")), readFileSync(file));
    assert.ok(server.seen.commands.at(-1)?.endsWith("'zstd -dcq'"));
  });

  it("streams it compressed with gzip to a host without zstd", async () => {
    const needed = "sh env timeout sha256sum gzip mktemp dirname basename rm mv sync chmod";
    for (const [name, path] of Object.entries(programs(...needed.split(" ")) ?? {}))
      symlinkSync(path, join(binDir, name));
    const bare = await startSshServer({ path: binDir });
    try {
      const file = runtime();
      const path = join(dir, "node");
      await withHost(bare.connection(), (host) =>
        host.upload({ path, content: { file }, mode: 0o755, compress: true }),
      );
      assert.deepEqual(readFileSync(path), readFileSync(file));
      assert.ok(bare.seen.commands.at(-1)?.endsWith("'gzip -dc'"));
    } finally {
      await bare.close();
    }
  });

  it("needs no sftp and works through sudo", async () => {
    fake("sudo", 'shift 2; exec "$@"');
    await withHost(server.connection({ user: "me", sudo: true }), (host) =>
      host.upload({ path: join(dir, "f"), content: "via sudo", mode: 0o600 }),
    );
    assert.equal(readFileSync(join(dir, "f"), "utf8"), "via sudo");
    assert.ok(
      server.seen.commands.every((command) =>
        command.startsWith("echo container-ha-output-begins; exec env LC_ALL=C sudo -n -- "),
      ),
    );
  });

  it("keeps the old file and leaves no temporary one when the disk is full", async () => {
    await upload({ content: "old" });
    fake("cat", "exec /bin/cat >/dev/full");
    const error = await failure(upload({ content: randomBytes(3_000_000) }));
    assert.ok(error instanceof CommandFailed);
    assert.equal(error.fault, "disk-full");
    assert.match(
      error.message,
      /^`upload .*agent\.json` on root@.* failed.*No space left on device\n.*`df -h`/s,
    );
    assert.equal(readFileSync(join(dir, "agent.json"), "utf8"), "old");
    assert.deepEqual(readdirSync(dir), ["agent.json"]);
  });

  it("keeps the old file when something else arrives than was sent", async () => {
    await upload({ content: "old" });
    fake("cat", "head -c 10");
    const error = await failure(upload({ content: "0123456789abcdef" }));
    assert.match((error as Error).message, /sha256 differs/);
    assert.deepEqual(readdirSync(dir), ["agent.json"]);
    assert.equal(readFileSync(join(dir, "agent.json"), "utf8"), "old");
  });

  it("keeps the old file and leaves no temporary one when the link drops in the middle", async () => {
    await upload({ content: "old" });
    const halfway = join(binDir, "halfway");
    fake("cat", `head -c 1000; : >${halfway}; while test -e ${halfway}; do sleep 0.02; done; exec /bin/cat`);
    // More than the 4 MB that a link takes while nobody reads them.
    const uploading = failure(upload({ content: Buffer.alloc(8_000_000) }));
    while (!existsSync(halfway)) await setTimeout(5);
    server.dropLinks();
    rmSync(halfway);
    assert.ok((await uploading) instanceof LinkLost);
    const settled = `while [ "$(ls -A "$1")" != agent.json ]; do sleep 0.02; done`;
    await withHost(server.connection(), (host) => host.script(settled, { args: [dir], timeoutMs: 3000 }));
    assert.equal(readFileSync(join(dir, "agent.json"), "utf8"), "old");
  });

  it("says that the folder is missing", async () => {
    const error = await failure(upload({ path: join(dir, "missing", "f"), content: "x" }));
    assert.match((error as Error).message, /No such file or directory/);
  });

  it("refuses to replace a folder", async () => {
    mkdirSync(join(dir, "agent.json"));
    assert.ok((await failure(upload({ content: "x" }))) instanceof CommandFailed);
    assert.deepEqual(readdirSync(dir), ["agent.json"]);
  });

  function runtime(): string {
    const file = join(dir, "..", "runtime");
    writeFileSync(file, Buffer.concat([Buffer.alloc(4_000_000, "text "), randomBytes(500_000)]));
    return file;
  }
});

/** Paths of programs of this machine, by name; undefined where one is missing. */
function programs(...names: string[]): Record<string, string> | undefined {
  const folders = (process.env.PATH ?? "").split(":");
  const found = names.map(
    (name) => [name, folders.map((folder) => join(folder, name)).find(existsSync)] as const,
  );
  if (found.some(([, path]) => path === undefined)) return undefined;
  return Object.fromEntries(found) as Record<string, string>;
}
