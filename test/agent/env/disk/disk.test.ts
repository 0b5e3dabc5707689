import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createDisk, type GenerationDisk } from "../../../../provider/agent/env/disk/disk";
import { sha256OfText } from "../../../../provider/agent/env/disk/hash";
import { encodeEnd } from "../../../../provider/agent/env/disk/piece-head";
import { until } from "../../../support/until";
import { draftOf, fakeDump, generation, sealed, temporaryFolder } from "../support/generations";
import { plainPiece } from "../support/streams";

describe("the store of generations", () => {
  const roots: string[] = [];
  let root: string;
  let disk: GenerationDisk;

  beforeEach(() => {
    root = newRoot();
    disk = createDisk({ root });
  });
  after(() => {
    for (const each of roots) rmSync(dirname(each), { recursive: true, force: true });
  });

  function newRoot(): string {
    const fresh = join(temporaryFolder(), "store");
    roots.push(fresh);
    return fresh;
  }

  it("lists and verifies a generation that was sealed", async () => {
    const sha256 = await sealed(disk, generation());
    const [listed] = await disk.list();
    const { folder, manifest } = await disk.verify(generation(), sha256);
    assert.equal(folder, join(root, "redis", "1-1"));
    assert.deepEqual(listed, manifest);
    const paths = manifest.trees.flatMap((tree) =>
      tree.files.map((file) => [tree.kind, file.path, file.size]),
    );
    assert.deepEqual(paths, [
      ["images", "images/core-1.img", 1000],
      ["images", "images/empty.img", 0],
      ["images", "images/pages-1.img", 300_000],
      ["images", "images/work/stats-dump", 40],
      ["layer", "layer.tar", 10_240],
    ]);
  });

  it("reads the memory once, and again only after it was written or the store was opened anew", async () => {
    const sha256 = await sealed(disk, generation());
    const memory = 300_000;
    const bytesReadBy = async (store: GenerationDisk) => {
      const before = bytesRead();
      await store.verify(generation(), sha256);
      return bytesRead() - before;
    };
    assert.ok((await bytesReadBy(disk)) < memory, "it was read though it was sealed here");
    const pages = join(root, "redis", "1-1", "images", "pages-1.img");
    writeFileSync(pages, readFileSync(pages));
    assert.ok((await bytesReadBy(disk)) >= memory, "it was not read though it was written");
    assert.ok((await bytesReadBy(createDisk({ root }))) >= memory, "it was not read by another store");
  });

  it("keeps memory dumps unreadable for other users", async () => {
    await sealed(disk, generation());
    for (const folder of [root, join(root, "redis"), join(root, "redis", "1-1")]) {
      assert.equal(statSync(folder).mode & 0o077, 0, folder);
    }
  });

  it("does not list what is still being written, and clears it for the next attempt", async () => {
    fakeDump(await disk.begin(generation()));
    assert.deepEqual(await disk.list(), []);
    const again = await disk.begin(generation());
    assert.deepEqual(readdirSync(again), []);
  });

  it("refuses to seal a file that has no place in a generation", async () => {
    const folder = await disk.begin(generation());
    fakeDump(folder);
    writeFileSync(join(folder, "stray"), "x");
    await assert.rejects(
      disk.seal(generation(), draftOf(generation())),
      /stray has no place in a generation/,
    );
    rmSync(join(folder, "stray"));
    symlinkSync("/etc/passwd", join(folder, "images", "link"));
    await assert.rejects(
      disk.seal(generation(), draftOf(generation())),
      /link is neither a file nor a folder/,
    );
    assert.deepEqual(await disk.list(), []);
  });

  const damages: { title: string; damage: (folder: string) => void; message: RegExp }[] = [
    {
      title: "a file is torn",
      damage: (folder) => truncateSync(join(folder, "images/pages-1.img"), 4096),
      message: /pages-1\.img has 4096 bytes, expected 300000/,
    },
    {
      title: "one byte is altered",
      damage: (folder) => flipByte(join(folder, "images/pages-1.img"), 123_456),
      message: /the content of .*pages-1\.img was altered/,
    },
    {
      title: "a file is missing",
      damage: (folder) => rmSync(join(folder, "layer.tar")),
      message: /layer\.tar is missing/,
    },
    {
      title: "a file was added",
      damage: (folder) => writeFileSync(join(folder, "images/extra.img"), ""),
      message: /extra\.img is not in the manifest/,
    },
    {
      title: "the manifest is truncated",
      damage: (folder) => truncateSync(join(folder, "manifest.json"), 100),
      message: /manifest\.json has the hash .*, expected/,
    },
    {
      title: "the manifest is altered",
      damage: (folder) => appendFileSync(join(folder, "manifest.json"), " "),
      message: /manifest\.json has the hash/,
    },
  ];
  for (const { title, damage, message } of damages) {
    it(`does not verify a generation of which ${title}`, async () => {
      const sha256 = await sealed(disk, generation());
      damage(join(root, "redis", "1-1"));
      await assert.rejects(disk.verify(generation(), sha256), message);
    });
  }

  it("does not list a generation with a truncated manifest, a missing or a shortened file", async () => {
    for (const gen of [1, 2, 3, 4]) await sealed(disk, generation(gen));
    truncateSync(join(root, "redis", "1-1", "manifest.json"), 100);
    rmSync(join(root, "redis", "1-2", "layer.tar"));
    truncateSync(join(root, "redis", "1-3", "images/core-1.img"), 10);
    assert.deepEqual(
      (await disk.list()).map(({ gen }) => gen),
      [4],
    );
  });

  it("lists those of one container alone, when asked for it", async () => {
    for (const container of ["redis", "web"]) await sealed(disk, { ...generation(), container });
    assert.deepEqual(
      (await disk.list("web")).map(({ container }) => container),
      ["web"],
    );
    assert.deepEqual(await disk.list("unknown"), []);
  });

  it("does not take a generation's folder under another number for that number", async () => {
    const sha256 = await sealed(disk, generation(1));
    execFileSync("cp", ["-r", join(root, "redis", "1-1"), join(root, "redis", "1-2")]);
    assert.equal((await disk.list()).length, 1);
    await assert.rejects(disk.verify(generation(2), sha256), /is not of generation redis 1-2/);
  });

  it("refuses an older epoch at begin and at seal, and remembers it over a restart", async () => {
    fakeDump(await disk.begin(generation(7, 2)));
    await disk.raiseEpoch("redis", 3);
    await assert.rejects(disk.seal(generation(7, 2), draftOf(generation(7, 2))), {
      reason: "older-epoch",
      message: /redis 2-7 is of an older epoch than 3/,
    });
    const restarted = createDisk({ root });
    await assert.rejects(restarted.begin(generation(8, 2)), { reason: "older-epoch" });
    await restarted.raiseEpoch("redis", 1);
    await assert.rejects(restarted.begin(generation(8, 2)), { reason: "older-epoch" });
    await sealed(restarted, generation(8, 3));
  });

  it("refuses everything when the remembered epoch cannot be read", async () => {
    await disk.raiseEpoch("redis", 3);
    writeFileSync(join(root, "redis", "epoch"), "");
    await assert.rejects(disk.begin(generation(1, 9)), /epoch does not hold an epoch but ""/);
  });

  it("keeps generations of older epochs that it holds when the epoch rises", async () => {
    const sha256 = await sealed(disk, generation(7, 2));
    await disk.raiseEpoch("redis", 3);
    await disk.verify(generation(7, 2), sha256);
  });

  it("replaces a generation of the same number by what is sealed last", async () => {
    const first = await sealed(disk, generation());
    const second = await sealed(disk, generation());
    await disk.verify(generation(), second);
    await assert.rejects(disk.verify(generation(), first), /has the hash/);
    assert.deepEqual(readdirSync(join(root, "redis")).sort(), ["1-1", "epoch"]);
  });

  it("removes one generation, a container, and what a crash left half written", async () => {
    await sealed(disk, generation(1));
    await sealed(disk, generation(2));
    fakeDump(await disk.begin(generation(3)));
    await disk.remove(generation(1));
    await disk.remove(generation(1));
    await disk.sweep();
    assert.deepEqual(readdirSync(join(root, "redis")).sort(), ["1-2", "epoch"]);
    await disk.forget("redis");
    await disk.forget("redis");
    assert.equal(existsSync(join(root, "redis")), false);
  });

  describe("receiving", () => {
    let target: GenerationDisk;
    let targetRoot: string;
    let manifestSha: string;

    beforeEach(async () => {
      targetRoot = newRoot();
      target = createDisk({ root: targetRoot });
      manifestSha = await sealed(disk, generation());
    });

    const packed = async () => buffer((await disk.send(generation())).stream);
    const leftovers = () =>
      (existsSync(join(targetRoot, "redis")) ? readdirSync(join(targetRoot, "redis")) : []).filter(
        (name) => name !== "epoch",
      );

    it("gives the same files, bit by bit", async () => {
      await target.receive({ generation: generation(), ...(await disk.send(generation())) });
      execFileSync("diff", ["-r", join(root, "redis", "1-1"), join(targetRoot, "redis", "1-1")]);
      await target.verify(generation(), manifestSha);
    });

    it("takes the same generation twice, the second time without reading it", async () => {
      await target.receive({ generation: generation(), ...(await disk.send(generation())) });
      await target.receive({ generation: generation(), manifestSha, stream: new PassThrough() });
      assert.deepEqual(leftovers(), ["1-1"]);
    });

    it("repairs a generation that was damaged here", async () => {
      await target.receive({ generation: generation(), ...(await disk.send(generation())) });
      flipByte(join(targetRoot, "redis/1-1/images/pages-1.img"), 5);
      await target.receive({ generation: generation(), ...(await disk.send(generation())) });
      await target.verify(generation(), manifestSha);
    });

    it("refuses a stream that ends early, wherever, and keeps nothing of it", async () => {
      const bytes = await packed();
      for (const cut of [0, 5, 50, 1500, bytes.length / 2, bytes.length - 7, bytes.length - 1]) {
        const stream = Readable.from([bytes.subarray(0, cut)], { objectMode: false });
        await assert.rejects(target.receive({ generation: generation(), manifestSha, stream }), {
          name: "GenerationRefused",
          reason: "failed",
          message: /cannot take generation redis 1-1: the stream ended before all of it was here/,
        });
        assert.deepEqual(leftovers(), []);
      }
    });

    it("refuses a stream whose sender breaks off and keeps nothing of it", async () => {
      const bytes = await packed();
      const stream = new PassThrough();
      stream.write(bytes.subarray(0, 50_000));
      const end = target.receive({ generation: generation(), manifestSha, stream });
      setImmediate(() => stream.destroy(new Error("connection lost")));
      await assert.rejects(end, /connection lost/);
      assert.deepEqual(leftovers(), []);
    });

    it("refuses a generation with another manifest than announced and keeps nothing of it", async () => {
      const { stream } = await disk.send(generation());
      const wrong = { generation: generation(), manifestSha: "0".repeat(64), stream };
      await assert.rejects(target.receive(wrong), { reason: "mismatch" });
      assert.deepEqual(leftovers(), []);
    });

    it("refuses a generation that was altered at its sender", async () => {
      flipByte(join(root, "redis/1-1/images/pages-1.img"), 5);
      const sent = await disk.send(generation());
      await assert.rejects(target.receive({ generation: generation(), ...sent }), {
        reason: "mismatch",
        message: /the content of .*pages-1\.img was altered/,
      });
      assert.deepEqual(leftovers(), []);
    });

    it("refuses a stream whose manifest leads out of its folder", async () => {
      const file = { path: "images/../../../outside", size: 0, sha256: "0".repeat(64) };
      const manifest = { ...draftOf(generation()), trees: [{ kind: "images", files: [file] }] };
      const text = JSON.stringify(manifest);
      const bytes = [
        plainPiece("manifest.json", Buffer.from(text)),
        plainPiece("images/a", Buffer.from("x")),
        encodeEnd(),
      ];
      const stream = Readable.from(bytes, { objectMode: false });
      const sha = sha256OfText(text);
      await assert.rejects(target.receive({ generation: generation(), manifestSha: sha, stream }), {
        reason: "mismatch",
        message: /has no place in a generation/,
      });
      assert.deepEqual(leftovers(), []);
    });

    it("refuses a stream with a file that leads out of its folder and writes nothing there", async () => {
      const bytes = [plainPiece("images/../../../outside", Buffer.from("x")), await packed()];
      const stream = Readable.from(bytes, { objectMode: false });
      await assert.rejects(target.receive({ generation: generation(), manifestSha, stream }), {
        reason: "failed",
        message: /has no place in a generation/,
      });
      assert.deepEqual(leftovers(), []);
      assert.equal(existsSync(join(targetRoot, "outside")), false);
    });

    it("takes one of an older epoch that it fetches itself: what a new owner sent and never committed does not count", async () => {
      await target.raiseEpoch("redis", 2);
      await target.receive({ generation: generation(), ...(await disk.send(generation())), named: true });
      await target.verify(generation(), manifestSha);
      const sent = await disk.send(generation());
      await assert.rejects(target.receive({ generation: generation(), ...sent }), { reason: "older-epoch" });
      sent.stream.destroy();
    });

    it("refuses an older epoch, and one whose epoch was raised while it was on its way", async () => {
      await target.raiseEpoch("redis", 2);
      const sent = await disk.send(generation());
      await assert.rejects(target.receive({ generation: generation(), ...sent }), { reason: "older-epoch" });
      sent.stream.destroy();

      const other = createDisk({ root: newRoot() });
      const bytes = await packed();
      const stream = new PassThrough();
      stream.write(bytes.subarray(0, 50_000));
      const end = other.receive({ generation: generation(), manifestSha, stream });
      end.catch(() => {});
      await other.raiseEpoch("redis", 2);
      stream.end(bytes.subarray(50_000));
      await assert.rejects(end, { reason: "older-epoch" });
      assert.deepEqual(await other.list(), []);
    });

    it("lets a newer transfer of the same generation take the place of one that hangs", async () => {
      const hanging = target.receive({ generation: generation(), manifestSha, stream: new PassThrough() });
      const refused = assert.rejects(hanging, { reason: "superseded" });
      await target.receive({ generation: generation(), ...(await disk.send(generation())) });
      await refused;
      await target.verify(generation(), manifestSha);
    });

    it("keeps nothing of a transfer that is called off halfway when its generation is removed", async () => {
      const bytes = await packed();
      const stream = new PassThrough({ highWaterMark: bytes.length });
      stream.write(bytes.subarray(0, bytes.length / 2));
      const refused = assert.rejects(target.receive({ generation: generation(), manifestSha, stream }), {
        reason: "superseded",
      });
      const pages = join(targetRoot, "redis/1-1.tmp/images/pages-1.img");
      await until(() => existsSync(pages), "the memory's file", 5000);
      await target.remove(generation());
      await refused;
      assert.deepEqual(leftovers(), []);
    });

    it("says that it has nothing to send when it does not hold the generation", async () => {
      await assert.rejects(disk.send(generation(9)), { reason: "not-found" });
    });
  });

  it("keeps the event loop free while it hashes 64 MB", async function () {
    this.timeout(10_000);
    const folder = await disk.begin(generation());
    fakeDump(folder);
    truncateSync(join(folder, "images/pages-1.img"), 64 << 20);
    let worst = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }, 1);
    const sealedAt = await disk.seal(generation(), draftOf(generation()));
    clearInterval(timer);
    assert.ok(sealedAt.bytes > 64 << 20);
    assert.ok(worst < 250, `the event loop stood still for ${worst.toFixed(0)} ms`);
  });
});

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

/** By this process, from whatever it was. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))![1]);
}
