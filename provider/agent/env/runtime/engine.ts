import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Engine as EngineName } from "../../../contract";
import { type CreatePlan, labels } from "./commands/create";
import type { EngineNetworkPlan } from "./commands/podman";
import type { CopyRecord } from "./record";

/** What podman and docker do differently. Everything else works on runc, cgroups and namespaces below them. */
export interface Engine {
  name: EngineName;
  /** Where its runc keeps the state of containers, in order of preference. */
  runcRoots: readonly string[];
  hasImage(image: string): Promise<boolean>;
  pull(image: string): Promise<void>;
  /** Loads an image archive and gives what it holds this name. */
  load(archive: string, image: string): Promise<void>;
  /** The network that every protected container is on; one of other settings is replaced. False: it is there already. */
  ensureNetwork(plan: EngineNetworkPlan): Promise<boolean>;
  /** A file or folder whose time changes whenever a network of the engine does. */
  networkStore: string;
  /** Creates without starting. */
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
  list(group: string): Promise<CopyRecord[]>;
  /** How it ended, for people; null where the engine does not know it. */
  exitDetail(record: CopyRecord): Promise<string | null>;
}

const inspectedSchema = z.array(
  z.object({
    Id: z.string(),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
    State: z.object({
      ExitCode: z.number(),
      OOMKilled: z.boolean().optional(),
      Error: z.string().optional(),
    }),
    GraphDriver: z.object({ Data: z.object({ UpperDir: z.string().optional() }).nullish() }).optional(),
    StaticDir: z.string().optional(),
  }),
);
export type Inspected = z.infer<typeof inspectedSchema>[number];

/** Reads `inspect` of either engine. */
export function parseInspect(json: string): Inspected[] {
  return inspectedSchema.parse(JSON.parse(json));
}

/** The record of a copy as its engine tells it; null: it is not one of ours. */
export function recordOf(engine: EngineName, inspected: Inspected, home: string): CopyRecord | null {
  const own = inspected.Config.Labels ?? {};
  const layer = inspected.GraphDriver?.Data?.UpperDir;
  if (!own[labels.container]) return null;
  if (!layer) {
    throw new Error(
      `${engine} does not tell where the writable layer of ${own[labels.container]} is: it must use the overlay storage driver`,
    );
  }
  return {
    container: own[labels.container]!,
    engine,
    id: inspected.Id,
    specDigest: own[labels.spec] ?? "",
    virtualIps: (own[labels.virtualIps] ?? "").split(",").filter(Boolean),
    layer,
    home,
  };
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
