import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parseJson } from "../contract";
import { UserError } from "../errors";
import { RUNTIME_VERSION } from "./runtime";

/**
 * Raised whenever records in etcd or files on hosts change in a way that an earlier release cannot read. An agent is
 * never replaced by one with a smaller number.
 */
export const RECORD_VERSION = 1;

/** What is installed on a host: runtime and bundles of one build. */
export interface Release {
  /** Names runtime and bundles; 16 hex digits. */
  hash: string;
  version: string;
  recordVersion: number;
  runtimeVersion: string;
  /** File name to sha256. */
  bundles: Record<string, string>;
  /** Where the bundles lie on this machine. */
  folder: string;
}

const builtSchema = z.object({ version: z.string(), bundles: z.record(z.string(), z.string()) });

/** The release that this package carries. Read once per process and folder. */
export function release(folder: string = join(__dirname, "..", "..", "host")): Release {
  const known = releases.get(folder) ?? read(folder);
  releases.set(folder, known);
  return known;
}

const releases = new Map<string, Release>();

function read(folder: string): Release {
  const path = join(folder, "release.json");
  if (!existsSync(path)) {
    throw new UserError(
      `${path} is missing: this build of pulumi-container-ha is not complete, build or install it again`,
    );
  }
  const { version, bundles } = parseJson(builtSchema, readFileSync(path, "utf8"), path);
  const subject = JSON.stringify([RUNTIME_VERSION, RECORD_VERSION, Object.entries(bundles).sort()]);
  const hash = createHash("sha256").update(subject).digest("hex").slice(0, 16);
  return { hash, version, recordVersion: RECORD_VERSION, runtimeVersion: RUNTIME_VERSION, bundles, folder };
}

/** `release.json` of an installed release, as an `up` later reads it back. */
export const installedReleaseSchema = z.object({
  hash: z.string(),
  version: z.string(),
  recordVersion: z.number(),
  runtimeVersion: z.string(),
});
export type InstalledRelease = z.infer<typeof installedReleaseSchema>;
