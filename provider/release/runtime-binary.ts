import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { UserError } from "../errors";
import { type Architecture, RUNTIME_VERSION, type RuntimePin, runtimePins } from "./runtime";

const run = promisify(execFile);

/** Where runtimes come from; everything has a default. */
export interface RuntimeSource {
  /** @default `${XDG_CACHE_HOME:-~/.cache}/pulumi-container-ha/runtime` */
  cache?: string;
  /** Folder of an installed package, or null. @default what `require` finds */
  installed?: (packageName: string) => string | null;
  /** Puts the package's tarball into `folder`. @default npm */
  fetch?: (request: { spec: string; folder: string }) => Promise<void>;
  pins?: Record<Architecture, RuntimePin>;
}

export interface RuntimeBinary {
  path: string;
  sha256: string;
  /** The same, compressed with zstd; null where this Node has no zstd (before 22.15). */
  packed: string | null;
}

/**
 * `bin/node` for an architecture: from the installed package, else from the operator's cache, else fetched once with
 * npm. What does not have the pinned hash is never used.
 */
export async function runtimeBinary(
  architecture: Architecture,
  source: RuntimeSource = {},
): Promise<RuntimeBinary> {
  const pin = (source.pins ?? runtimePins)[architecture];
  const cached = join(source.cache ?? defaultCache(), `node-${RUNTIME_VERSION}-${architecture}`);
  const key = `${cached} ${pin.sha256}`;
  // Agents of several hosts are created at once and need the same file.
  const finding = inProgress.get(key) ?? find({ cached, pin, source });
  inProgress.set(key, finding);
  try {
    return { ...(await finding), sha256: pin.sha256 };
  } finally {
    inProgress.delete(key);
  }
}

const inProgress = new Map<string, ReturnType<typeof find>>();

function defaultCache(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "pulumi-container-ha", "runtime");
}

interface Search {
  cached: string;
  pin: RuntimePin;
  source: RuntimeSource;
}

async function find(search: Search): Promise<Pick<RuntimeBinary, "path" | "packed">> {
  const path = await findBinary(search);
  return { path, packed: await pack(path, `${search.cached}-${search.pin.sha256.slice(0, 16)}.zst`) };
}

/** Compresses once what every host gets. The host checks the hash of what it unpacks. */
async function pack(path: string, packed: string): Promise<string | null> {
  if (typeof zlib.createZstdCompress !== "function") return null;
  if (existsSync(packed)) return packed;
  await mkdir(dirname(packed), { recursive: true });
  const work = await mkdtemp(`${packed}.`);
  try {
    await pipeline(
      createReadStream(path),
      zlib.createZstdCompress(),
      createWriteStream(join(work, "packed")),
    );
    await rename(join(work, "packed"), packed);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return packed;
}

async function findBinary({ cached, pin, source }: Search): Promise<string> {
  const folder = (source.installed ?? installedFolder)(pin.package);
  const installed = folder && join(folder, "bin", "node");
  if (installed && (await hasHash(installed, pin.sha256))) return installed;
  if (await hasHash(cached, pin.sha256)) return cached;
  await download({ cached, pin, source });
  return cached;
}

function installedFolder(packageName: string): string | null {
  try {
    return dirname(require.resolve(`${packageName}/package.json`));
  } catch {
    return null;
  }
}

async function hasHash(path: string, sha256: string): Promise<boolean> {
  return existsSync(path) && (await hashOf(path, "sha256", "hex")) === sha256;
}

async function download({ cached, pin, source }: Search): Promise<void> {
  const spec = `${pin.package}@${RUNTIME_VERSION}`;
  await mkdir(dirname(cached), { recursive: true });
  const work = await mkdtemp(`${cached}.`);
  try {
    await (source.fetch ?? npmPack)({ spec, folder: work });
    const tarball = (await readdir(work)).find((name) => name.endsWith(".tgz"));
    if (!tarball) throw new UserError(`npm fetched no tarball of ${spec}, the runtime for hosts`);
    const integrity = `sha512-${await hashOf(join(work, tarball), "sha512", "base64")}`;
    if (integrity !== pin.integrity) throw altered({ what: spec, expected: pin.integrity, got: integrity });
    await run("tar", ["-xzf", join(work, tarball), "-C", work, "package/bin/node"]);
    const binary = join(work, "package", "bin", "node");
    const sha256 = await hashOf(binary, "sha256", "hex");
    if (sha256 !== pin.sha256)
      throw altered({ what: `bin/node of ${spec}`, expected: pin.sha256, got: sha256 });
    await rename(binary, cached);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function npmPack({ spec, folder }: { spec: string; folder: string }): Promise<void> {
  try {
    await run("npm", ["pack", spec, "--pack-destination", folder, "--silent"], {
      cwd: folder,
      timeout: 600_000,
    });
  } catch (error) {
    const words = String((error as { stderr?: string }).stderr || (error as Error).message).trim();
    throw new UserError(
      `cannot fetch ${spec}, the runtime for hosts, with npm: ${words.split("\n").slice(-3).join("\n")}\n` +
        "Check that npm works here and reaches its registry; the package is fetched once and then kept in the cache.",
      { cause: error },
    );
  }
}

function altered(o: { what: string; expected: string; got: string }): UserError {
  return new UserError(
    `${o.what} is not the expected one: expected ${o.expected}, got ${o.got}. It was not used; ` +
      "a registry or a mirror on the way gave something else than what this release was made with.",
  );
}

async function hashOf(path: string, algorithm: string, encoding: "hex" | "base64"): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest(encoding);
}
