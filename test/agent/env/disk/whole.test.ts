import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  mkdirSync,
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
import { encodeEnd, encodeHead } from "../../../../provider/agent/env/disk/piece-head";
import { encodePieces } from "../../../../provider/agent/env/disk/pieces";
import { wholeFiles } from "../../../../provider/agent/env/disk/whole";
import { writePieces } from "../../../../provider/agent/env/disk/write-pieces";
import { skipBecause } from "../../../support/skip";
import { until } from "../../../support/until";
import { fakeDump, temporaryFolder } from "../support/generations";
import { children, openBelow, piecesOf, plainPiece, showsProcesses } from "../support/streams";

const MANIFEST = Buffer.from("{}\n");
const SMALL = 300_000;
const BIG = 9 << 20;

describe("A complete generation that is streamed", () => {
  let root: string;
  let from: string;
  let to: string;
  beforeEach(() => {
    root = temporaryFolder();
    [from, to] = ["from", "to"].map((name) => join(root, name)) as [string, string];
    for (const folder of [from, to]) mkdirSync(folder, { mode: 0o700 });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function dumped(pagesBytes: number): void {
    fakeDump(from, pagesBytes);
    writeFileSync(join(from, "manifest.json"), MANIFEST);
  }
  const sent = () => encodePieces(wholeFiles(from, MANIFEST));
  const arrives = (...bytes: Buffer[]) => writePieces(Readable.from(bytes, { objectMode: false }), to);
  const same = () => execFileSync("diff", ["-r", from, to]);

  for (const [what, size] of [
    ["nothing", 0],
    ["one buffer", 1 << 18],
    ["some buffers", 1 << 20],
    ["almost what is compressed", (8 << 20) - 1],
    ["what is compressed", 8 << 20],
    ["more than that", BIG],
  ] as const) {
    it(`arrives whole with memory of ${what}`, async () => {
      dumped(size);
      await writePieces(sent(), to);
      same();
    });
  }

  it("arrives with its folders and for its owner alone", async () => {
    dumped(SMALL);
    mkdirSync(join(from, "images/work/below/it"), { recursive: true });
    writeFileSync(join(from, "images/work/below/it/file"), "x");
    await writePieces(sent(), to);
    same();
    const modes = (path: string): number[] => {
      const { mode } = statSync(path);
      if (!statSync(path).isDirectory()) return [mode];
      return [mode, ...readdirSync(path).flatMap((name) => modes(join(path, name)))];
    };
    assert.deepEqual([...new Set(modes(to).map((mode) => mode & 0o777))].sort(), [0o600, 0o700]);
  });

  it("begins with the manifest, as it was hashed, and is the same whenever it is sent", async () => {
    dumped(SMALL);
    const bytes = await buffer(sent());
    writeFileSync(join(from, "manifest.json"), "another");
    assert.ok(bytes.equals(await buffer(sent())));
    assert.equal(piecesOf(bytes)[0]!.path, "manifest.json");
  });

  it("is compressed where it is big, and as it is where it is small", async () => {
    dumped(SMALL);
    truncateSync(join(from, "images/pages-1.img"), 0);
    truncateSync(join(from, "images/pages-1.img"), 4 << 20);
    assert.ok((await buffer(sent())).length > 4 << 20);
    truncateSync(join(from, "images/pages-1.img"), 16 << 20);
    const bytes = await buffer(sent());
    assert.ok(bytes.length < 100_000, `${bytes.length} bytes for zeros`);
    await arrives(bytes);
    same();
  });

  it("breaks where a file is gone, or is no file", async () => {
    dumped(SMALL);
    symlinkSync("/etc/passwd", join(from, "images/link"));
    await assert.rejects(writePieces(sent(), to), /link is neither a file nor a folder/);
    rmSync(join(from, "images/link"));
    const stream = sent();
    rmSync(from, { recursive: true });
    await assert.rejects(buffer(stream), { code: "ENOENT" });
  });

  for (const [how, size] of [
    ["as it is", SMALL],
    ["compressed", BIG],
  ] as const) {
    it(`is refused wherever it is torn, with memory that is sent ${how}`, async () => {
      dumped(size);
      const bytes = await buffer(sent());
      const pieces = piecesOf(bytes);
      const pages = pieces.filter(({ path }) => path === "images/pages-1.img");
      const cuts = [pieces[0]!, pages[0]!, pages.at(-1)!].flatMap(({ at: [head, path, data, end] }) => [
        ...[head, head + 3, path, path + 2, data],
        ...(end > data ? [data + 1, end - 1] : []),
        end,
      ]);
      for (const cut of new Set([...cuts, bytes.length - 7, bytes.length - 1])) {
        await assert.rejects(arrives(bytes.subarray(0, cut)), /ended before all of .* was here/, `at ${cut}`);
        rmSync(to, { recursive: true });
        mkdirSync(to);
      }
      await arrives(bytes);
    });
  }

  it("is refused where its compressed memory is damaged", async () => {
    dumped(BIG);
    const bytes = await buffer(sent());
    const { at } = piecesOf(bytes).find(({ packed }) => packed)!;
    bytes[at[2]]! ^= 1;
    await assert.rejects(arrives(bytes), /zstd ended with 1: .*unsupported format/);
  });

  for (const path of [
    "../outside",
    "images/../../outside",
    "images/work/../../../outside",
    "/outside",
    "manifest.json/../../outside",
    "..",
    "stray",
  ]) {
    it(`is refused with a file ${path}, of which nothing is written`, async () => {
      const bytes = [
        plainPiece("images/a", Buffer.from("a")),
        plainPiece(path, Buffer.from("x")),
        encodeEnd(),
      ];
      await assert.rejects(arrives(...bytes), /has no place in a generation/);
      assert.deepEqual(readdirSync(dirname(to)).sort(), ["from", "to"]);
      assert.deepEqual(readdirSync(to), ["images"]);
    });
  }

  it("is refused where a name holds a zero, is a folder's or too long", async () => {
    for (const path of ["images/a\0b", "images/", `images/${"a".repeat(300)}`]) {
      await assert.rejects(arrives(plainPiece(path, Buffer.from("x")), encodeEnd()), path);
    }
  });

  it("never writes over what is there, as the file behind a link", async () => {
    const twice = plainPiece("images/a", Buffer.from("x"));
    await assert.rejects(arrives(twice, twice, encodeEnd()), { code: "EEXIST" });
    writeFileSync(join(root, "outside"), "untouched");
    symlinkSync(join(root, "outside"), join(to, "images/link"));
    for (const last of [true, false]) {
      const head = encodeHead({ path: "images/link", length: 1, last, packed: false });
      await assert.rejects(arrives(head, Buffer.from("x"), encodeEnd()), { code: "EEXIST" });
    }
    assert.equal(readFileSync(join(root, "outside"), "utf8"), "untouched");
  });

  it("is refused where a file is compressed in part, or something follows its end", async () => {
    const part = (packed: boolean) =>
      encodeHead({ path: `images/${packed}`, length: 0, last: false, packed: true });
    const rest = encodeHead({ path: "images/true", length: 0, last: true, packed: false });
    await assert.rejects(arrives(part(true), rest, encodeEnd()), /images\/true is compressed in part/);
    await assert.rejects(arrives(encodeEnd(), Buffer.from("x")), /goes on after its end/);
  });

  it("is refused at its first bytes when an agent of another version sends it", async () => {
    const tar = execFileSync("tar", ["--zstd", "-cf", "-", "-C", root, "from"]);
    const firstPieces = Buffer.from("\0\0\0\x09\0\0\0\x05layer.tarlayer\0\0\0\0\0\0\0\0", "latin1");
    for (const bytes of [tar, firstPieces, Buffer.alloc(100)]) {
      const hanging = new PassThrough();
      hanging.write(bytes);
      await assert.rejects(writePieces(hanging, to), /no stream of files as this version/);
      hanging.destroy();
    }
    assert.deepEqual(readdirSync(to), []);
  });

  it("that its sender breaks off fails with the sender's reason", async () => {
    dumped(BIG);
    const bytes = await buffer(sent());
    for (const cut of [0, 500, bytes.length >> 1]) {
      const stream = new PassThrough({ highWaterMark: BIG });
      stream.on("error", () => {});
      stream.write(bytes.subarray(0, cut));
      const end = writePieces(stream, to);
      setImmediate(() => stream.destroy(new Error("connection lost")));
      await assert.rejects(end, /connection lost/, `at ${cut}`);
      await assert.rejects(writePieces(stream, to), /connection lost/);
      rmSync(to, { recursive: true });
      mkdirSync(to);
    }
    const closed = new PassThrough();
    closed.destroy();
    await assert.rejects(writePieces(closed, to), /closed before all of it was here/);
  });

  for (const [how, size] of [
    ["as it is", SMALL],
    ["compressed", BIG],
  ] as const) {
    it(`can be called off in the middle of memory that is sent ${how}`, async function () {
      if (!showsProcesses) skipBecause(this, "what this process has open is not shown in /proc");
      dumped(size);
      const before = children();
      const bytes = await buffer(sent());
      const pages = piecesOf(bytes).find(({ path }) => path === "images/pages-1.img")!;
      const stream = new PassThrough({ highWaterMark: BIG });
      stream.write(bytes.subarray(0, (pages.at[2] + pages.at[3]) >> 1));
      const abort = new AbortController();
      const end = writePieces(stream, to, { signal: abort.signal });
      await until(() => openBelow(to).length === 1, "the memory's file", 5000);
      abort.abort();
      await assert.rejects(end);
      assert.deepEqual(openBelow(to), []);
      assert.equal(stream.destroyed, false, "its sender can still be told why");
      await until(() => children().every((pid) => before.includes(pid)), "the end of what it started", 5000);
    });

    it(`ends, with what it opened and started, when its reader goes away; the memory goes ${how}`, async function () {
      if (!showsProcesses) skipBecause(this, "what this process has open is not shown in /proc");
      dumped(size * 5);
      const before = children();
      const stream = sent();
      await until(() => stream.read(1) !== null && openBelow(from).length === 1, "the memory's file", 5000);
      stream.destroy();
      await until(() => openBelow(from).length === 0, "the closing of its file", 5000);
      await until(() => children().every((pid) => before.includes(pid)), "the end of what it started", 5000);
    });
  }

  it("is read no faster than it is taken", async () => {
    let asked = 0;
    const source = async function* () {
      while (asked < 100) {
        asked++;
        yield [{ path: `images/${asked}`, data: randomBytes(1 << 18), last: true, packed: false }];
      }
    };
    const stream = encodePieces(source());
    stream.once("readable", () => {});
    await until(() => asked > 0, "the first of it", 5000);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(asked < 4, `${asked} batches were read`);
    stream.destroy();
  });
});
