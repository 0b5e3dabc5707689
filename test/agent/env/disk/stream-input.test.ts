import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { createInput } from "../../../../provider/agent/env/disk/stream-input";
import { until } from "../../../support/until";

const CHUNK_BYTES = 1 << 16;

describe("the bytes of a stream", () => {
  function counted(chunks: number) {
    const given = { chunks: 0 };
    const stream = new Readable({
      read() {
        this.push(given.chunks++ < chunks ? Buffer.alloc(CHUNK_BYTES, given.chunks) : null);
      },
    });
    return { stream, given };
  }

  it("are given as many as are asked for, whatever they come in", async () => {
    const { stream } = counted(3);
    const input = createInput(stream);
    for (const size of [1, CHUNK_BYTES, 0, 2 * CHUNK_BYTES - 2, 1]) {
      const taken = await input.take(size);
      assert.equal(Buffer.concat(taken).length, size);
    }
    await input.end();
  });

  it("are not read far ahead of what is asked for, and all come in the end", async () => {
    const { stream, given } = counted(1000);
    const input = createInput(stream);
    await input.take(1);
    await until(() => stream.isPaused(), "the end of the reading ahead", 5000);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(given.chunks < 12, `${given.chunks} chunks were read`);
    for (let left = 1000 * CHUNK_BYTES - 1; left > 0; ) {
      const size = Math.min(left, 100_000);
      await input.take(size);
      left -= size;
    }
    await input.end();
  });

  it("do not come when the stream ends before or goes on after, and can be called off while they are waited for", async () => {
    await assert.rejects(
      createInput(counted(1).stream).take(CHUNK_BYTES + 1),
      /ended before all of it was here/,
    );
    await assert.rejects(createInput(counted(1).stream).end(), /goes on after its end/);
    const abort = new AbortController();
    const silent = new Readable({ read() {} });
    const waiting = createInput(silent, abort.signal).take(1);
    abort.abort(new Error("no more of it"));
    await assert.rejects(waiting, /no more of it/);
    assert.equal(silent.destroyed, false);
  });

  it("that are left can be read on by somebody else", async () => {
    const { stream, given } = counted(100);
    const input = createInput(stream);
    await input.take(1);
    input.close();
    await new Promise((resolve) => stream.once("end", resolve).resume());
    assert.equal(given.chunks, 101);
  });
});
