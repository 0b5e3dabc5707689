import type { Readable } from "node:stream";

/** As much is read ahead of what is asked for. */
const AHEAD_BYTES = 1 << 18;

export interface Input {
  /** The next bytes, as they came. Throws when the stream breaks or ends before, or is called off. */
  take(size: number): Promise<Buffer[]>;
  /** Throws unless the stream ends here. */
  end(): Promise<void>;
  /** Leaves the stream. It is not destroyed: a request would take the connection with it that its answer needs. */
  close(): void;
}

/** The bytes of a stream, as many as are asked for. `signal` calls it off. */
export function createInput(stream: Readable, signal?: AbortSignal): Input {
  const chunks: Buffer[] = [];
  let held = 0;
  let wake = () => {};
  const changed = () => wake();
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    held += chunk.length;
    if (held >= AHEAD_BYTES) stream.pause();
    wake();
  };
  stream.on("data", onData);
  const events = ["end", "error", "close"];
  for (const event of events) stream.on(event, changed);
  signal?.addEventListener("abort", changed);

  /** False: the stream ends before. */
  async function holds(size: number): Promise<boolean> {
    for (;;) {
      signal?.throwIfAborted();
      if (held >= size) return true;
      if (stream.errored) throw stream.errored;
      if (stream.readableEnded) return false;
      if (stream.destroyed) throw new Error("the stream was closed before all of it was here");
      if (stream.isPaused()) stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    async take(size) {
      if (!(await holds(size))) throw new Error("the stream ended before all of it was here");
      held -= size;
      const taken: Buffer[] = [];
      for (let left = size; left > 0; ) {
        const chunk = chunks[0]!;
        const some = chunk.subarray(0, left);
        left -= some.length;
        taken.push(some);
        if (some.length === chunk.length) chunks.shift();
        else chunks[0] = chunk.subarray(some.length);
      }
      return taken;
    },
    async end() {
      if (await holds(1)) throw new Error("the stream goes on after its end");
    },
    close() {
      stream.pause();
      stream.off("data", onData);
      for (const event of events) stream.off(event, changed);
      signal?.removeEventListener("abort", changed);
    },
  };
}
