import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Lab } from "../lab/lab";

/** Keeps what every host said, for the person who has to find out why; returns the folder. */
export async function keepJournals(
  lab: Lab,
  { run, lines }: { run: string; lines: number },
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "container-ha-faults-"));
  for (const { name } of lab.hosts) {
    const journal = await lab.logs(name, { lines }).catch((error: Error) => error.message);
    writeFileSync(join(folder, `${run.slice(0, 60)}-${name}.log`), journal);
  }
  return folder;
}
