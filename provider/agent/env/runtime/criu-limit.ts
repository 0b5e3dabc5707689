const LIMIT_MS = 20_000;
const LIMIT_PER_MB_MS = 20;
const MB = 1 << 20;

/**
 * How long CRIU may take for so much memory. A dump takes 0.65 ms a MB and a restore 1 ms (facts-hosts.md 2), on a busy
 * disk several times that; what takes longer than this hangs.
 */
export function criuLimitMs(bytes: number): number {
  return LIMIT_MS + LIMIT_PER_MB_MS * (bytes / MB);
}
