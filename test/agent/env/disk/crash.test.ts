import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createDisk } from "../../../../provider/agent/env/disk/disk";
import { type FileOps, fileOps } from "../../../../provider/agent/env/disk/file-ops";
import { sha256OfText } from "../../../../provider/agent/env/disk/hash";
import { draftOf, fakeDump, generation, sealed, temporaryFolder } from "../support/generations";

/**
 * A power cut before the `crashAt`-th step: the steps from there on fail, and then the worst that a file system may do
 * with what was not synced is done by hand.
 */
function crashingOps(crashAt: number) {
  const synced = new Set<string>();
  const renames: { from: string; to: string; replaced: Buffer | null }[] = [];
  let steps = 0;
  const step = async (run: () => Promise<void>) => {
    if (++steps >= crashAt) throw new Error("power cut");
    await run();
  };
  const ops: FileOps = {
    write: (path, text) =>
      step(async () => {
        synced.delete(path);
        await fileOps.write(path, text);
      }),
    sync: (path) =>
      step(async () => {
        await fileOps.sync(path);
        synced.add(path);
        for (const rename of [...renames]) {
          if (join(rename.to, "..") === path) renames.splice(renames.indexOf(rename), 1);
        }
      }),
    rename: (from, to) =>
      step(async () => {
        const replaced = existsSync(to) ? readFileSync(to) : null;
        await fileOps.rename(from, to);
        for (const path of [...synced]) {
          if (path === from || path.startsWith(`${from}/`)) {
            synced.delete(path);
            synced.add(path.replace(from, to));
          }
        }
        renames.push({ from, to, replaced });
      }),
    remove: (path) => step(() => fileOps.remove(path)),
  };
  return {
    ops,
    steps: () => steps,
    /** What the disk holds after the power is back. */
    powerBack(root: string, undoRenames: boolean) {
      for (const path of filesBelow(root)) if (!synced.has(path)) zero(path);
      if (!undoRenames) return;
      for (const { from, to, replaced } of renames.reverse()) {
        renameSync(to, from);
        if (replaced) writeFileSync(to, replaced);
      }
    },
  };
}

describe("a power cut while a generation is written", () => {
  const roots: string[] = [];
  after(() => {
    for (const root of roots) rmSync(root, { recursive: true, force: true });
  });

  for (const undoRenames of [false, true]) {
    const renamesAre = undoRenames ? "undone where their folder was not synced" : "kept";
    it(`between any two steps leaves it whole or unlisted, renames ${renamesAre}`, async function () {
      this.timeout(10_000);
      let outcome = { done: false, listed: 0 };
      for (let crashAt = 1; !outcome.done; crashAt++) outcome = await crashedSeal(crashAt, undoRenames);
      assert.equal(outcome.listed, 2, "the seal that was not cut off is there");
    });
  }

  async function crashedSeal(crashAt: number, undoRenames: boolean) {
    const root = temporaryFolder();
    roots.push(root);
    const earlier = await sealed(createDisk({ root }), generation(1), 5000);
    const crash = crashingOps(crashAt);
    const disk = createDisk({ root, ops: crash.ops });
    const sha256 = await seal(disk).catch((error: Error) => {
      assert.equal(error.message, "power cut");
      return null;
    });
    // Also right after a seal that succeeded: what was promised must be there.
    crash.powerBack(join(root, "redis", "1-2"), false);
    crash.powerBack(join(root, "redis", "1-2.tmp"), undoRenames);

    const restarted = createDisk({ root });
    await restarted.verify(generation(1), earlier);
    const listed = await restarted.list();
    if (listed.some(({ gen }) => gen === 2)) {
      const manifest = readFileSync(join(root, "redis", "1-2", "manifest.json"), "utf8");
      await restarted.verify(generation(2), sha256OfText(manifest));
    }
    if (sha256 !== null) await restarted.verify(generation(2), sha256);
    await restarted.sweep();
    await sealed(restarted, generation(2), 5000);
    return { done: sha256 !== null, listed: listed.length };
  }

  async function seal(disk: ReturnType<typeof createDisk>): Promise<string> {
    fakeDump(await disk.begin(generation(2)), 5000);
    return (await disk.seal(generation(2), draftOf(generation(2)))).sha256;
  }

  it("never lowers the epoch that was promised", async () => {
    for (let crashAt = 1; ; crashAt++) {
      const root = temporaryFolder();
      roots.push(root);
      await createDisk({ root }).raiseEpoch("redis", 2);
      const crash = crashingOps(crashAt);
      const raised = await createDisk({ root, ops: crash.ops })
        .raiseEpoch("redis", 3)
        .then(
          () => true,
          () => false,
        );
      crash.powerBack(join(root, "redis", "epoch.tmp"), true);
      const restarted = createDisk({ root });
      await assert.rejects(restarted.begin(generation(1, 1)), { reason: "older-epoch" });
      if (!raised) continue;
      await assert.rejects(restarted.begin(generation(1, 2)), { reason: "older-epoch" });
      assert.ok(crashAt > 4, "write, sync, rename and sync were each cut off once");
      return;
    }
  });
});

function filesBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

/** Sizes survive a power cut sooner than contents. */
function zero(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(fstatSync(file).size), 0, fstatSync(file).size, 0);
  closeSync(file);
}
