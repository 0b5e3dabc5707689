import { type Hunt, hunt, mutants } from ".";

/** Lets loose one mutant after the other; 0 when all were caught. */
export async function huntAll(json: boolean): Promise<number> {
  const hunts: Hunt[] = [];
  for (const mutant of mutants) {
    const found = await hunt(mutant);
    hunts.push(found);
    if (json) continue;
    const verdict = found.caught
      ? `caught by seed ${found.seed}: ${found.violation}`
      : "ESCAPED: no seed finds it";
    process.stdout.write(`${mutant.name}\n  ${mutant.mistake}\n  ${verdict}\n`);
  }
  const escaped = hunts.filter(({ caught }) => !caught);
  const result = hunts.map(({ name, caught, seed }) => ({ name, caught, seed }));
  process.stdout.write(
    json
      ? `${JSON.stringify({ mutants: result })}\n`
      : `${hunts.length} mutants, ${hunts.length - escaped.length} caught\n`,
  );
  return escaped.length === 0 ? 0 : 1;
}
