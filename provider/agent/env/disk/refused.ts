export type RefusalReason =
  /** Its epoch is below the one this host knows: the sender does not own the container any more. */
  | "older-epoch"
  | "disk-full"
  | "read-only"
  /** Files, manifest and announced hash do not agree. */
  | "mismatch"
  /** A newer transfer of the same generation took its place. */
  | "superseded"
  | "not-found"
  | "failed";

/** Why a host did not take or give a generation. Nothing of it was kept. */
export class GenerationRefused extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "GenerationRefused";
    this.reason = reason;
  }
}

/** The refusal that an error of the file system or of zstd amounts to. */
export function refusalOf(error: unknown, what: string): GenerationRefused {
  if (error instanceof GenerationRefused) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new GenerationRefused(reasonOf(code, message), `${what}: ${message}`, { cause: error });
}

function reasonOf(code: string | undefined, message: string): RefusalReason {
  if (code === "ENOSPC" || code === "EDQUOT") return "disk-full";
  if (/No space left on device|Disk quota exceeded/.test(message)) return "disk-full";
  if (code === "EROFS" || /Read-only file system/.test(message)) return "read-only";
  return "failed";
}
