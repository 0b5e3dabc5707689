import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { linkRuntime, makeFolders, releaseFolders } from "../commands/agent";
import type { HostSession } from "../ssh/session";
import { type InstalledRelease, installedReleaseSchema, type Release } from "./release";
import type { Architecture } from "./runtime";
import { type RuntimeBinary, runtimeBinary } from "./runtime-binary";

/**
 * Puts a release's runtime and bundles on the host, beside the one in use. What is there with the right hash stays.
 * Nothing that runs is touched.
 */
export async function installRelease(o: {
  host: HostSession;
  release: Release;
  architecture: Architecture;
  log: (line: string) => void;
  runtime?: (architecture: Architecture) => Promise<RuntimeBinary>;
}): Promise<void> {
  const { host, release, log } = o;
  const { app, runtime } = releaseFolders(release);
  await host.run(makeFolders([app, runtime]));
  const binary = await (o.runtime ?? runtimeBinary)(o.architecture);
  const content = { file: binary.path, sha256: binary.sha256, packed: binary.packed ?? undefined };
  const node = { path: `${runtime}/node`, content, mode: 0o755, compress: true };
  const { changed } = await host.upload(node);
  if (changed) log(`uploaded Node ${release.runtimeVersion} for ${o.architecture}`);
  for (const bundle of Object.keys(release.bundles)) {
    const content = await readFile(join(release.folder, bundle));
    await host.upload({ path: `${app}/${bundle}`, content, mode: 0o644, compress: true });
  }
  await host.run(linkRuntime(release));
  await host.upload({ path: `${app}/release.json`, content: factsText(release), mode: 0o644 });
  log(`release ${release.version} (${release.hash}) is on the host`);
}

/** What `readInstalled` finds later, perhaps by another version of this package. */
function factsText({ hash, version, recordVersion, runtimeVersion }: Release): string {
  const facts: InstalledRelease = { hash, version, recordVersion, runtimeVersion };
  return `${JSON.stringify(facts)}\n`;
}

/** The release that the host's link names, or null where there is none that can be read. */
export async function readInstalled(host: HostSession, path: string): Promise<InstalledRelease | null> {
  const text = await host.readFile(`${path}/release.json`);
  if (text === null) return null;
  try {
    return installedReleaseSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
