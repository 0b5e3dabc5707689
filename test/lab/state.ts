import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { labsFolder } from "./paths";

const stateSchema = z.object({
  id: z.string(),
  subnet: z.string(),
  hosts: z.array(
    z.object({ name: z.string(), index: z.number(), machineId: z.string(), hostKey: z.string() }),
  ),
  /** The process that the lab ends with; a lab without one stays until it is taken down. */
  owner: z.object({ pid: z.number(), startedAt: z.string() }).optional(),
  cuts: z.array(z.object({ from: z.string(), to: z.string() })),
});

/** What must be known of a lab by another process; whether a host runs is asked from the kernel instead. */
export type LabState = z.infer<typeof stateSchema>;
export type LabHostState = LabState["hosts"][number];

export function stateFolder(id: string): string {
  return join(labsFolder(), id);
}

/** The lab's state, or undefined when there is no such lab. */
export function readState(id: string): LabState | undefined {
  const file = join(stateFolder(id), "lab.json");
  if (!existsSync(file)) return undefined;
  return stateSchema.parse(JSON.parse(readFileSync(file, "utf8")));
}

export function writeState(state: LabState): void {
  const folder = stateFolder(state.id);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const temporary = join(folder, `.lab.json.${process.pid}`);
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(temporary, join(folder, "lab.json"));
}
