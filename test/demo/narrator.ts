/** Tells the demo's story: sentences for people, and nothing but the final JSON line on stdout where that is asked for. */
export interface Narrator {
  say(sentence: string): void;
  /** Runs a step and tells how long it took. */
  step<T>(sentence: string, work: () => Promise<T>): Promise<T>;
  /** Output of the product, set off. */
  show(text: string): void;
}

export function createNarrator({ json }: { json: boolean }): Narrator {
  const out = json ? process.stderr : process.stdout;
  const line = (text: string) => out.write(`${text}\n`);
  return {
    say: line,
    async step(sentence, work) {
      const startedAt = performance.now();
      line(`${sentence} ...`);
      const result = await work();
      line(`  done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      return result;
    },
    show: (text) => line(`\n${text.trimEnd().replaceAll(/^/gm, "    ")}\n`),
  };
}
