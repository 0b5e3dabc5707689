import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNft, type Nft, type NftOptions } from "../../../provider/agent/lease/nft";
import { killStaleNft } from "../../../provider/agent/lease/stale-nft";
import { until } from "../../support/until";

/**
 * Speaks like `nft -i`: silent at success, repeats what it cannot parse. `bad` is an error, `list` prints, `die` ends
 * it, `hang` makes it deaf.
 */
const SPEAKS = `
let pid = process.pid;
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  if (globalThis.deaf) return;
  if (line === "die") process.exit(3);
  if (line === "hang") globalThis.deaf = true;
  else if (line === "list") console.log("table of " + pid);
  else if (line === "bad") console.error("Error: No such file or directory\\nbad\\n^^^");
  else if (line.startsWith("sync_")) console.error("Error: syntax error, unexpected newline\\n" + line + "\\n      ^");
});`;

describe("the nft child", () => {
  const folder = mkdtempSync(join(tmpdir(), "ha-nft-"));
  const pidFile = join(folder, "nft.pid");
  const nfts: Nft[] = [];
  const create = (o: NftOptions = {}) => {
    const nft = createNft({ command: [process.execPath, "-e", SPEAKS], timeoutMs: 3000, ...o });
    nfts.push(nft);
    return nft;
  };
  afterEach(() => Promise.all(nfts.splice(0).map((nft) => nft.close())));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is one for all batches, and each has the answer that belongs to it", async () => {
    const nft = create();
    const answers = await Promise.all([nft.run(["list"]), nft.run(["add"]), nft.run(["list"])]);
    assert.match(answers[0]!, /^table of \d+\n$/);
    assert.equal(answers[1], "");
    assert.equal(answers[2], answers[0]);
  });

  it("that reports an error makes its own batch fail, and no other", async () => {
    const nft = create();
    const results = await Promise.allSettled([nft.run(["add"]), nft.run(["bad"]), nft.run(["add"])]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    await assert.rejects(nft.run(["bad"]), /nft refused `bad`: Error: No such file or directory/);
  });

  it("that dies makes the batch in flight fail, and the next batch has a new one", async () => {
    const nft = create();
    const before = await nft.run(["list"]);
    await assert.rejects(nft.run(["die"]), /ended with status 3/);
    const after = await nft.run(["list"]);
    assert.notEqual(after, before);
  });

  it("that does not answer is dead before its batch fails", async () => {
    const nft = create({ timeoutMs: 300, pidFile });
    // Node is slower to start than nft: the first answer may take longer than the limit of the test.
    await until(
      () =>
        nft.run(["add"]).then(
          () => true,
          () => false,
        ),
      "an answer",
      5000,
    );
    const pid = Number(readFileSync(pidFile, "utf8"));
    await assert.rejects(nft.run(["hang"]), /did not answer within 300 ms/);
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
  });

  it("is replaced after a number of batches, since it keeps each line as history", async () => {
    const nft = create({ batchesPerChild: 2 });
    const answers: string[] = [];
    for (let batch = 0; batch < 6; batch += 1) answers.push(await nft.run(["list"]));
    assert.equal(new Set(answers).size, 3);
    assert.equal(answers[0], answers[1]);
    assert.notEqual(answers[1], answers[2]);
  });

  it("runs first what every child has to, without making its failure the next batch's", async () => {
    const nft = create({ batchesPerChild: 2 });
    nft.atStart(["bad"]);
    const answers: string[] = [];
    for (let batch = 0; batch < 3; batch += 1) answers.push(await nft.run(["list"]));
    assert.equal(new Set(answers).size, 3);
  });

  it("that is not there is an error that says so", async () => {
    const nft = createNft({ command: [join(folder, "no-such-nft")] });
    await assert.rejects(nft.run(["list"]), /not found/);
  });

  it("of a process that was killed is ended before a new one is asked anything", async () => {
    const old = spawn("/bin/bash", ["-c", "exec -a nft sleep 60"], { stdio: "ignore" });
    await until(() => /^nft\0/.test(commandLine(old.pid!)), "the old nft", 2000);
    writeFileSync(pidFile, `${old.pid}\n`);
    const ended = once(old, "exit");
    await create({ pidFile }).run(["list"]);
    assert.throws(() => assert.match(commandLine(old.pid!), /^nft\0/));
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  });

  it("whose pid belongs to another program now leaves that alone", async () => {
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    writeFileSync(pidFile, `${other.pid}\n`);
    await killStaleNft(pidFile);
    assert.equal(other.exitCode ?? other.signalCode, null);
    process.kill(other.pid!, 0);
    other.kill();
  });

  it("takes its pid file with it when it is closed", async () => {
    const nft = create({ pidFile });
    await nft.run(["list"]);
    assert.equal(existsSync(pidFile), true);
    await nft.close();
    assert.equal(existsSync(pidFile), false);
  });
});

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}
