/** Compares `6.18.44-cloud` and the like number by number; what follows the numbers does not count. */
export function isAtLeast(version: string, least: string): boolean {
  const a = numbers(version);
  const b = numbers(least);
  const at = b.findIndex((number, index) => (a[index] ?? 0) !== number);
  return at < 0 || (a[at] ?? 0) > b[at]!;
}

function numbers(version: string): number[] {
  return (/\d+(\.\d+)*/.exec(version)?.[0] ?? "0").split(".").map(Number);
}
