import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Engine as EngineName, nameSchema } from "../../../contract";
import { type CreatePlan, labels } from "./commands/create";
import type { EngineNetworkPlan } from "./commands/podman";
import { type CopyRecord, recordSchema } from "./record";

/** What podman and docker do differently. Everything else works on runc, cgroups and namespaces below them. */
export interface Engine {
  name: EngineName;
  /** Where its runc keeps the state of containers, in order of preference. */
  runcRoots: readonly string[];
  hasImage(image: string): Promise<boolean>;
  pull(image: string): Promise<void>;
  /** Loads an image archive and gives what it holds this name. */
  load(archive: string, image: string): Promise<void>;
  /** Paths that an image declares as volumes and that a container of it has outside of its layer. */
  volumesOf(image: string): Promise<string[]>;
  /** Writes an image into an archive that `load` takes. */
  save(image: string, archive: string): Promise<void>;
  /**
   * The network that every protected container is on. Idempotent; one of other settings is replaced. True: it was made,
   * so that copies that were created on an earlier one cannot be started any more.
   */
  ensureNetwork(plan: EngineNetworkPlan): Promise<boolean>;
  /** Rejects where the engine is set up so that it restores nothing. */
  needRestore?(): Promise<void>;
  /** A file or folder whose time changes whenever a network of the engine does. */
  networkStore: string;
  /** Creates without starting. What it has made when it fails is left for `list` to tell. */
  create(plan: CreatePlan): Promise<CopyRecord>;
  /** Brings a copy that was only created, or that has ended, to where `restore` accepts it. */
  makeRestorable(record: CopyRecord): Promise<void>;
  /**
   * Where the engine may be told to restore a copy whose processes have just ended while it still takes it down: waits
   * until that has let go of the writable layer. False: nothing takes it down.
   */
  takenDown?(record: CopyRecord): Promise<boolean>;
  /** Whether the writable layer is in use. */
  isMounted?(record: CopyRecord): boolean;
  /** Resolves when the first process runs. */
  start(record: CopyRecord): Promise<void>;
  /**
   * Lets the engine restore; what CRIU reads is said in its configuration. Resolves when the engine is done; `onStart` is
   * called at once with the process of its command.
   */
  restore(record: CopyRecord, images: string, onStart?: (pid: number) => void): Promise<void>;
  /** The command of `restore`. */
  restoreArgv(id: string): string[];
  /** Succeeds when there is none. */
  remove(nameOrId: string): Promise<void>;
  /** Copies that carry the group's label. */
  list(group: string): Promise<Listed>;
  /** How it ended, for people; null where the engine does not know it. May take as long as the engine wants. */
  exitDetail(record: CopyRecord): Promise<string | null>;
}

/** Of a question that an engine answers in milliseconds. */
export const ASK_TIMEOUT_MS = 15_000;

/** What an engine tells of copies. One of which it tells nothing that can be used keeps nobody from the others. */
export interface Listed {
  /** The engine's ids, also of those that it tells nothing more of. */
  ids: string[];
  records: CopyRecord[];
  /** Copies that can be neither checkpointed nor restored, and why. */
  unusable: { container: string; id: string; fault: string }[];
}

const inspectedSchema = z.object({
  Id: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  State: z.object({
    ExitCode: z.number(),
    OOMKilled: z.boolean().optional(),
    Error: z.string().optional(),
  }),
  GraphDriver: z.object({ Data: z.object({ UpperDir: z.string().optional() }).nullish() }).nullish(),
  StaticDir: z.string().optional(),
});
export type Inspected = z.infer<typeof inspectedSchema>;

/** Reads `inspect` of either engine; what it says nothing useful of is left out. */
export function parseInspect(json: string): Inspected[] {
  const parsed = z.array(z.unknown()).parse(JSON.parse(json));
  return parsed.flatMap((one) => inspectedSchema.safeParse(one).data ?? []);
}

/** `json`: what `inspect` told of these ids. */
export function listed(
  engine: EngineName,
  { ids, json, homeOf }: { ids: string[]; json: string; homeOf(one: Inspected): string },
): Listed {
  const found: Listed = { ids, records: [], unusable: [] };
  for (const one of parseInspect(json)) {
    try {
      const record = recordOf(engine, one, homeOf(one));
      if (record) found.records.push(record);
    } catch (error) {
      const container = containerOf(one);
      if (container) found.unusable.push({ container, id: one.Id, fault: (error as Error).message });
    }
  }
  return found;
}

/** The record of the one copy that was created just now. Throws where it cannot be protected. */
export function createdRecord({ records: [record], unusable: [unusable] }: Listed): CopyRecord {
  if (record) return record;
  throw new Error(unusable?.fault ?? "the engine has created it and does not know it");
}

/** Which of our containers it is a copy of; null: of none. */
function containerOf({ Config }: Inspected): string | null {
  const name = Config.Labels?.[labels.container];
  return nameSchema.safeParse(name).data ?? null;
}

/** The record of a copy as its engine tells it; null: it is not one of ours. Throws where it cannot be one. */
export function recordOf(engine: EngineName, inspected: Inspected, home: string): CopyRecord | null {
  const own = inspected.Config.Labels ?? {};
  const layer = inspected.GraphDriver?.Data?.UpperDir;
  const container = containerOf(inspected);
  if (container === null) return null;
  if (!layer) {
    throw new Error(
      `${engine} does not tell where the writable layer of ${container} is: it must use the overlay storage driver, and docker its own image store ("containerd-snapshotter": false in daemon.json)`,
    );
  }
  return recordSchema.parse({
    container,
    engine,
    id: inspected.Id,
    specDigest: own[labels.spec] ?? "",
    virtualIps: (own[labels.virtualIps] ?? "").split(",").filter(Boolean),
    layer,
    home,
  });
}

export function exitSentence({ ExitCode, OOMKilled, Error: error }: Inspected["State"]): string {
  const parts = [`exit code ${ExitCode}`];
  if (OOMKilled) parts.push("out of memory");
  if (error) parts.push(error.split("\n")[0]!);
  return parts.join(", ");
}

/** What `load` says it has loaded: a name, or an id where the archive names nothing. */
export function loadedImage(output: string): string | null {
  return /^Loaded image(?:\(s\)| ID)?: *(\S+)/m.exec(output)?.[1] ?? null;
}

/**
 * What engine and runc look at themselves: whether there is an inventory, and what the first process had open. CRIU
 * reads everything where it lies.
 */
export function layEngineFiles(images: string, folder: string): void {
  writeFileSync(join(folder, "inventory.img"), "");
  copyFileSync(join(images, "descriptors.json"), join(folder, "descriptors.json"));
}
