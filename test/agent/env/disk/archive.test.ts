import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack, unpack } from "../../../../provider/agent/env/disk/archive";
import { skipBecause } from "../../../support/skip";
import { until } from "../../../support/until";
import { temporaryFolder } from "../support/generations";

describe("a packed folder", () => {
  const root = temporaryFolder();
  after(() => rmSync(root, { recursive: true, force: true }));

  it("does not arrive when a file is gone, and says which", async () => {
    const [from, to] = ["broken", "nothing"].map((name) => join(root, name)) as [string, string];
    for (const folder of [from, to]) mkdirSync(folder);
    await assert.rejects(unpack(pack(from, ["gone"]), to, new AbortController().signal), /gone: Cannot stat/);
  });

  it("arrives whole when its packing has ended before anybody reads it", async function () {
    if (!existsSync("/proc/self/task"))
      skipBecause(this, "the processes of this test are not shown in /proc");
    const [from, to] = ["from", "to"].map((name) => join(root, name)) as [string, string];
    for (const folder of [from, to]) mkdirSync(folder);
    writeFileSync(join(from, "small"), "what was dumped");
    writeFileSync(join(from, "manifest.json"), "{}");
    const before = children();
    const stream = pack(from, ["small"]);
    await until(() => children().every((pid) => before.includes(pid)), "the end of the packing", 5000);
    await unpack(stream, to, new AbortController().signal);
    assert.equal(readFileSync(join(to, "small"), "utf8"), "what was dumped");
  });
});

function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
}
