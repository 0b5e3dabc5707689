import type { Readable } from "node:stream";

/** More than any specification or status of a group; an archive never goes this way. */
const MAX_BYTES = 8 << 20;

/** The whole of a stream as text; throws when it is larger than a message may be. */
export async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size > MAX_BYTES) throw new Error(`a message between agents exceeds ${MAX_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

export async function readJson(stream: Readable): Promise<unknown> {
  return JSON.parse(await readText(stream));
}
