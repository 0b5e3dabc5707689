import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { z } from "zod";
import { engineSchema, ipSchema, nameSchema } from "../../../contract";
import { fileMark } from "../file-mark";
import { placesOf, recordRoot, runRoot } from "./places";

/** What must be known of a copy without asking its engine, which may hold its lock for as long as a restore waits. */
export const recordSchema = z.strictObject({
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

/** As they were read last: every look at a copy asks for its record. */
const known = new Map<string, { mark: string; record: CopyRecord | null }>();

export function readRecord(container: string): CopyRecord | null {
  const { record: file } = placesOf(container);
  try {
    const seen = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (!seen) return null;
    const mark = fileMark(seen);
    const before = known.get(container);
    if (before?.mark === mark) return before.record;
    const record = parseRecord(container, readFileSync(file, "utf8"));
    known.set(container, { mark, record });
    return record;
  } catch {
    return null;
  }
}

/** Null: torn by a crash, or another container's. The engine's labels tell of the copy again. */
export function parseRecord(container: string, text: string): CopyRecord | null {
  try {
    const record = recordSchema.parse(JSON.parse(text));
    return record.container === container ? record : null;
  } catch {
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
  known.delete(container);
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

/** What somebody else has put there belongs to no container. */
function namesIn(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).flatMap((file) => pattern.exec(file)?.[1] ?? []);
  return names.filter((name) => nameSchema.safeParse(name).success);
}
