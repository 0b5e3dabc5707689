import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { engineSchema, ipSchema, nameSchema } from "../../../contract";
import { placesOf, recordRoot, runRoot } from "./places";

/** What must be known of a copy without asking its engine, which may hold its lock for as long as a restore waits. */
const recordSchema = z.strictObject({
  container: nameSchema,
  engine: engineSchema,
  /** The engine's id. */
  id: z.string().regex(/^[0-9a-f]{64}$/),
  specDigest: z.string(),
  virtualIps: z.array(ipSchema),
  /** Folder of the writable layer. */
  layer: z.string().startsWith("/"),
  /** The engine's folder of this container, where it looks for checkpoints. */
  home: z.string().startsWith("/"),
});
export type CopyRecord = z.infer<typeof recordSchema>;

export function readRecord(container: string): CopyRecord | null {
  const file = placesOf(container).record;
  if (!existsSync(file)) return null;
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    // Torn by a crash: the engine's labels tell of the copy again.
    return null;
  }
}

export function writeRecord(record: CopyRecord): void {
  const places = placesOf(record.container);
  mkdirSync(recordRoot, { recursive: true, mode: 0o700 });
  mkdirSync(places.run, { recursive: true, mode: 0o700 });
  writeFileSync(`${places.record}.tmp`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${places.record}.tmp`, places.record);
}

export function deleteRecord(container: string): void {
  const places = placesOf(container);
  for (const path of [places.run, places.holdScript, places.record])
    rmSync(path, { recursive: true, force: true });
}

/** Containers that have a record. */
export function recordedContainers(): string[] {
  return namesIn(recordRoot, /^(.+)\.json$/);
}

/** Containers that have a run folder: those that were begun since the host started. */
export function containersOfThisBoot(): string[] {
  return namesIn(runRoot, /^(.+)$/);
}

function namesIn(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((file) => pattern.exec(file)?.[1] ?? []);
}
