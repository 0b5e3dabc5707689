/** Seeds that once broke an invariant, each with what it found. A new one is one more line; the tests run them all. */
export const regressions: { seed: number; found: string }[] = [];
