import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { growingFiles } from "../../../../provider/agent/env/disk/growing";
import { type Batch, encodePieces } from "../../../../provider/agent/env/disk/pieces";
import { writePieces } from "../../../../provider/agent/env/disk/write-pieces";
import { until } from "../../../support/until";

describe("Images that are streamed while they are dumped", () => {
  let from: string;
  let to: string;
  beforeEach(() => {
    from = mkdtempSync(join(tmpdir(), "pieces-"));
    to = mkdtempSync(join(tmpdir(), "pieces-"));
    mkdirSync(join(from, "images"));
  });
  afterEach(() => {
    for (const folder of [from, to]) rmSync(folder, { recursive: true, force: true });
  });

  it("arrive whole, those that grow before the dump is complete", async () => {
    let complete = () => {};
    const dumped = new Promise<void>((resolve) => {
      complete = resolve;
    });
    writeFileSync(join(from, "images/pages-1.img"), "a".repeat(3_000_000));
    const pieces = growingFiles(from, dumped);
    const first = await pieces.next();
    const begun = first.value as Batch;
    assert.equal(begun[0]!.path, "images/pages-1.img");
    appendFileSync(join(from, "images/pages-1.img"), "b".repeat(10));
    writeFileSync(join(from, "images/inventory.img"), "inventory");
    writeFileSync(join(from, "images/empty.img"), "");
    writeFileSync(join(from, "layer.tar"), "layer");
    complete();
    const all = (async function* () {
      yield begun;
      yield* pieces;
    })();
    await writePieces(encodePieces(all), to);
    for (const path of ["images/pages-1.img", "images/inventory.img", "images/empty.img", "layer.tar"])
      assert.ok(readFileSync(join(to, path)).equals(readFileSync(join(from, path))), path);
  });

  it("are told whole one by one: what an engine needs first, while the memory still comes", async () => {
    let complete = () => {};
    const dumped = new Promise<void>((resolve) => {
      complete = resolve;
    });
    writeFileSync(join(from, "images/descriptors.json"), '["/dev/null"]');
    writeFileSync(join(from, "layer.tar.part"), "lay");
    writeFileSync(join(from, "images/pages-1.img"), randomBytes(600_000));
    const whole: string[] = [];
    const stream = encodePieces(growingFiles(from, dumped));
    const written = writePieces(stream, to, { onWhole: (path) => whole.push(path) });
    await until(() => whole.length === 1, "the descriptors", 5_000);
    renameSync(join(from, "layer.tar.part"), join(from, "layer.tar"));
    await until(() => whole.length === 2, "the layer", 5_000);
    assert.deepEqual(whole, ["images/descriptors.json", "layer.tar"]);
    assert.equal(readFileSync(join(to, "layer.tar"), "utf8"), "lay");
    complete();
    await written;
    assert.deepEqual(whole.slice(2), ["images/pages-1.img"]);
    assert.ok(
      readFileSync(join(to, "images/pages-1.img")).equals(readFileSync(join(from, "images/pages-1.img"))),
    );
  });

  it("are refused when the dump fails, when the stream is torn, and where a file has no place", async () => {
    const failed = Promise.reject(new Error("CRIU says no"));
    failed.catch(() => {});
    await assert.rejects(async () => {
      for await (const _ of growingFiles(from, failed));
    }, /CRIU says no/);
    const one = async function* (path: string) {
      yield [{ path, data: randomBytes(1000), last: true, packed: false }];
    };
    const torn = (await buffer(encodePieces(one("layer.tar")))).subarray(0, 500);
    await assert.rejects(writePieces(Readable.from([torn]), to), /ended before all of it was here/);
    const outside = encodePieces(one("images/../../etc/passwd"));
    await assert.rejects(writePieces(outside, to), /has no place in a generation/);
  });
});
