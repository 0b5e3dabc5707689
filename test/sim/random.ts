/** A seeded source of chance: the same seed gives the same run. */
export interface Random {
  /** From 0 up to, not including, 1. */
  float(): number;
  between(least: number, most: number): number;
  chance(share: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const float = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    float,
    between: (least, most) => least + (most - least) * float(),
    chance: (share) => share > 0 && float() < share,
    pick: (choices) => choices[Math.floor(float() * choices.length)]!,
  };
}
