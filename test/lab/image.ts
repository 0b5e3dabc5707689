import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cacheFolder, rootfsFolder } from "./paths";
import { run } from "./run";

/** A small image made of files of the root file system, so that no registry of the outside world is needed. */
export interface ImageSpec {
  /** Programs of the root file system; the libraries they need come with them. */
  programs?: string[];
  /** Folders and files of the root file system to take as they are. */
  paths?: string[];
  /** Files by path. */
  files?: Record<string, { content: string; mode?: number }>;
  /** Default command. Images have no entrypoint. */
  command?: string[];
  environment?: string[];
  /** Paths that it declares as volumes. */
  volumes?: string[];
}

export interface BuiltImage {
  /** Id of the image on every host that pulls it: the digest of its configuration. */
  id: string;
  config: Buffer;
  layer: { digest: string; file: string; size: number };
  /** The layer without compression, as a docker-archive wants it. */
  layerTar: string;
}

/** Redis as the lab's registry offers it. */
export const redisImage: ImageSpec = {
  programs: ["/usr/bin/redis-server", "/usr/bin/redis-cli", "/bin/sh", "/bin/cat", "/bin/sleep"],
  command: ["redis-server", "--save", "", "--protected-mode", "no"],
};

/** Python, for small programs that tests bring along in `files`. */
export const pythonImage: ImageSpec = {
  programs: ["/usr/bin/python3", "/bin/sh", "/bin/sleep"],
  paths: ["/usr/lib/python3.13"],
  command: ["python3"],
};

/** Builds the image, or takes it from the cache: the same recipe gives the same id everywhere. */
export async function buildImage(spec: ImageSpec): Promise<BuiltImage> {
  const rootfs = rootfsFolder();
  const recipe = createHash("sha256")
    .update(JSON.stringify([rootfs, spec]))
    .digest("hex")
    .slice(0, 16);
  const folder = join(cacheFolder(), "images", recipe);
  if (!existsSync(folder)) await buildLayer(spec, { rootfs, folder });

  const layerTar = join(folder, "layer.tar");
  const file = join(folder, "layer.tar.gz");
  const config = Buffer.from(JSON.stringify(imageConfig(spec, sha256(readFileSync(layerTar)))));
  const compressed = readFileSync(file);
  return {
    id: sha256(config),
    config,
    layer: { digest: sha256(compressed), file, size: compressed.length },
    layerTar,
  };
}

/** Writes the image as a docker-archive (`podman load`, `docker load`). */
export async function writeArchive(
  image: BuiltImage,
  options: { name: string; file: string },
): Promise<void> {
  const folder = mkdtempSync(`${options.file}.`);
  const config = `${image.id.slice("sha256:".length)}.json`;
  writeFileSync(join(folder, config), image.config);
  const manifest = [{ Config: config, RepoTags: [options.name], Layers: ["layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  await run(["cp", image.layerTar, join(folder, "layer.tar")]);
  await run([...tarOf(folder), "-f", options.file, "manifest.json", config, "layer.tar"]);
  rmSync(folder, { recursive: true });
}

export function imageConfig(spec: ImageSpec, diffId: string): object {
  return {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    created: "2025-01-01T00:00:00Z",
    config: {
      Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...(spec.environment ?? [])],
      Cmd: spec.command ?? ["/bin/sh"],
      WorkingDir: "/",
      ...(spec.volumes ? { Volumes: Object.fromEntries(spec.volumes.map((path) => [path, {}])) } : {}),
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
  };
}

async function buildLayer(spec: ImageSpec, options: { rootfs: string; folder: string }): Promise<void> {
  mkdirSync(dirname(options.folder), { recursive: true });
  const building = mkdtempSync(`${options.folder}.`);
  const tree = join(building, "tree");
  for (const folder of [
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "etc",
    "data",
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
  ]) {
    mkdirSync(join(tree, folder), { recursive: true, mode: 0o755 });
  }
  await run(["chmod", "1777", join(tree, "tmp")]);
  for (const link of ["bin", "sbin", "lib", "lib64"])
    await run(["ln", "-s", `usr/${link}`, join(tree, link)]);
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");

  const libraries = await librariesOf(options.rootfs, spec.programs ?? []);
  for (const path of [...(spec.programs ?? []), ...libraries, ...(spec.paths ?? [])]) {
    const inUsr = path.replace(/^\/(bin|sbin|lib|lib64)\//, "/usr/$1/");
    mkdirSync(dirname(join(tree, inUsr)), { recursive: true });
    await copyFollowing(options.rootfs, path, dirname(join(tree, inUsr)));
  }
  for (const [path, { content, mode }] of Object.entries(spec.files ?? {})) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content, { mode: mode ?? 0o644 });
  }
  await run([...tarOf(tree), "-f", join(building, "layer.tar"), "."]);
  await run(["gzip", "-1", "-n", "-k", join(building, "layer.tar")]);
  rmSync(tree, { recursive: true });
  // Two builders of one recipe: the second rename fails, and what it finds there is the same image.
  try {
    renameSync(building, options.folder);
  } catch {
    rmSync(building, { recursive: true });
  }
}

/** Copies what `path` is for a program of the root file system: links, also absolute ones, lead inside it. */
async function copyFollowing(rootfs: string, path: string, folder: string): Promise<void> {
  const script = 'set -o pipefail; chroot "$0" tar -C "$1" -chf - "$2" | tar -C "$3" -xf -';
  await run(["bash", "-c", script, rootfs, dirname(path), basename(path), folder]);
}

async function librariesOf(rootfs: string, programs: string[]): Promise<string[]> {
  if (programs.length === 0) return [];
  const output = await run(["chroot", rootfs, "ldd", ...programs]);
  return [...new Set(output.match(/\/\S+\.so[.\w]*/g) ?? [])];
}

/** `tar` of a folder that is the same, byte for byte, whenever it is made. */
function tarOf(folder: string): string[] {
  return [
    "tar",
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "-C",
    folder,
    "-c",
  ];
}

function sha256(data: Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
