import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GenerationRef } from "../../../../provider/agent/env";
import type { GenerationDisk } from "../../../../provider/agent/env/disk/disk";
import type { Manifest } from "../../../../provider/contract";

export function generation(gen = 1, epoch = 1, container = "redis"): GenerationRef {
  return { container, epoch, gen };
}

export function draftOf(ref: GenerationRef): Omit<Manifest, "trees"> {
  return {
    version: 1,
    ...ref,
    specDigest: "a".repeat(64),
    host: "ha1",
    at: "2026-01-01T00:00:00.000Z",
    connections: [{ local: "10.0.0.100", localPort: 6379, remote: "10.0.0.254", remotePort: 40000 }],
    versions: { criu: "4.2.1", runtime: "runc 1.1.15", kernel: "6.12" },
  };
}

/** Put what a dump leaves into `folder`: images (one in a folder below) and the writable layer, `bytes` in all. */
export function fakeDump(folder: string, bytes = 300_000): void {
  mkdirSync(join(folder, "images", "work"), { recursive: true });
  writeFileSync(join(folder, "images", "core-1.img"), randomBytes(1000));
  writeFileSync(join(folder, "images", "empty.img"), "");
  writeFileSync(join(folder, "images", "work", "stats-dump"), randomBytes(40));
  writeFileSync(join(folder, "images", "pages-1.img"), randomBytes(bytes));
  writeFileSync(join(folder, "layer.tar"), randomBytes(10_240));
}

/** A sealed generation; resolves with its manifest's hash. */
export async function sealed(disk: GenerationDisk, ref: GenerationRef, bytes?: number): Promise<string> {
  fakeDump(await disk.begin(ref), bytes);
  return (await disk.seal(ref, draftOf(ref))).sha256;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "ha-env-"));
}
