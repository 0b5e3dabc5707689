import { existsSync, readFileSync } from "node:fs";

/**
 * What a file of the kernel, of an engine or of CRIU says now; undefined: it is not there, or cannot be read any more. It
 * may go at any moment. Asked first, since an error that nobody needs takes longer than all else.
 */
export function readIfThere(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
