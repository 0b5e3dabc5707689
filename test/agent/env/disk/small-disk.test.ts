import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createDisk } from "../../../../provider/agent/env/disk/disk";
import { skipBecause } from "../../../support/skip";
import { draftOf, fakeDump, generation, sealed, temporaryFolder } from "../support/generations";

describe("the store of generations on a disk that is too small", () => {
  let small: string;
  let large: string;

  before(function () {
    small = temporaryFolder();
    large = temporaryFolder();
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small], { stdio: "pipe" });
    } catch (error) {
      rmdirSync(small);
      skipBecause(this, `a small file system cannot be mounted here: ${(error as Error).message.trim()}`);
    }
  });
  after(() => {
    if (readMounts().includes(small)) execFileSync("umount", [small]);
    for (const folder of [small, large]) rmSync(folder, { recursive: true, force: true });
  });

  for (const [how, bytes] of [
    ["as it is", 3 << 20],
    ["compressed", 9 << 20],
  ] as const) {
    it(`refuses a generation that arrives ${how} with the reason, keeps nothing of it, and takes a smaller one then`, async () => {
      const source = createDisk({ root: large });
      const target = createDisk({ root: small });
      await target.forget("redis");
      await sealed(source, generation(1), bytes);
      await sealed(source, generation(2), 100_000);
      await assert.rejects(
        target.receive({ generation: generation(1), ...(await source.send(generation(1))) }),
        {
          reason: "disk-full",
          message: /no space left on device/i,
        },
      );
      assert.deepEqual(readdirSync(join(small, "redis")), ["epoch"]);
      await target.receive({ generation: generation(2), ...(await source.send(generation(2))) });
      assert.deepEqual(
        (await target.list()).map(({ gen }) => gen),
        [2],
      );
    });
  }

  it("rejects a seal that has no room for its manifest and lists nothing", async () => {
    const disk = createDisk({ root: small });
    await disk.forget("redis");
    fakeDump(await disk.begin(generation()), 500_000);
    fill(small);
    await assert.rejects(disk.seal(generation(), draftOf(generation())), { code: "ENOSPC" });
    assert.deepEqual(await disk.list(), []);
  });
});

function fill(folder: string): void {
  try {
    execFileSync("dd", ["if=/dev/zero", `of=${join(folder, "filler")}`, "bs=4k"], { stdio: "pipe" });
  } catch {
    // dd ends with "No space left on device": that is the purpose.
  }
}

function readMounts(): string {
  return execFileSync("cat", ["/proc/self/mounts"]).toString();
}
