import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { decodeHead, encodeHead, HEAD_BYTES } from "../../../../provider/agent/env/disk/piece-head";

export interface FoundPiece {
  path: string;
  packed: boolean;
  last: boolean;
  /** Where its head, its path and its data begin, and where it ends. */
  at: [head: number, path: number, data: number, end: number];
}

/** The pieces of a whole stream. */
export function piecesOf(bytes: Buffer): FoundPiece[] {
  const found: FoundPiece[] = [];
  for (let at = 0; ; ) {
    const head = decodeHead(bytes.subarray(at, at + HEAD_BYTES));
    if (head === null) return found;
    const path = at + HEAD_BYTES;
    const data = path + head.pathLength;
    const end = data + head.length;
    found.push({ ...head, path: bytes.toString("utf8", path, data), at: [at, path, data, end] });
    at = end;
  }
}

/** A file that is complete in one piece, as it is on the way. */
export function plainPiece(path: string, data: Buffer): Buffer {
  return Buffer.concat([encodeHead({ path, length: data.length, last: true, packed: false }), data]);
}

/** Whether the system shows what processes have open and whom they started. */
export const showsProcesses = existsSync("/proc/self/task");

/** Files below `folder` that this process has open. */
export function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(`${folder}/`) ? [path] : [];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}

export function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
}
