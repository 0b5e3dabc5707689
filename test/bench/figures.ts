/** The smallest of `values` that at least this share of them does not exceed. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

export interface Percentiles {
  p50Ms: number;
  p95Ms: number;
  maxMs: number;
}

export function percentiles(values: number[]): Percentiles {
  return { p50Ms: percentile(values, 0.5), p95Ms: percentile(values, 0.95), maxMs: Math.max(...values) };
}
