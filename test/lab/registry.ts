import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BuiltImage } from "./image";
import { rootfsFolder } from "./paths";

/** Name and port of the registry as hosts know it (their /etc/hosts says where it is). */
export const registryHost = "registry.lab:5000";

const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

/** Starts Debian's docker-registry on the machine's address; it ends with the cgroup it is put into. */
export async function startRegistry(options: {
  folder: string;
  address: string;
  cgroup: string;
}): Promise<void> {
  mkdirSync(options.folder, { recursive: true });
  const config = join(options.folder, "config.json");
  writeFileSync(config, JSON.stringify(registryConfig(options)));
  const log = openSync(join(options.folder, "log"), "a");
  const script = 'echo $$ >"$0/cgroup.procs"; exec "$@"';
  const child = spawn("bash", ["-c", script, options.cgroup, ...registryProgram(), "serve", config], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.unref();
  await answering(options.address, join(options.folder, "log"));
}

/** Pushes an image; hosts then know it as `registry.lab:5000/<name>:<tag>`. */
export async function pushImage(
  image: BuiltImage,
  options: { address: string; name: string; tag: string },
): Promise<void> {
  const base = `http://${options.address}:5000/v2/${options.name}`;
  const layer = readFileSync(image.layer.file);
  await pushBlob(base, layer, image.layer.digest);
  await pushBlob(base, image.config, image.id);
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: "application/vnd.docker.container.image.v1+json",
      size: image.config.length,
      digest: image.id,
    },
    layers: [
      {
        mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
        size: image.layer.size,
        digest: image.layer.digest,
      },
    ],
  };
  await request(`${base}/manifests/${options.tag}`, {
    method: "PUT",
    headers: { "content-type": manifestType },
    body: JSON.stringify(manifest),
  });
}

async function pushBlob(base: string, data: Buffer, digest: string): Promise<void> {
  const existing = await fetch(`${base}/blobs/${digest}`, { method: "HEAD" });
  if (existing.ok) return;
  const started = await request(`${base}/blobs/uploads/`, { method: "POST" });
  const upload = new URL(started.headers.get("location") ?? "", base);
  upload.searchParams.set("digest", digest);
  await request(upload.href, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: new Uint8Array(data),
  });
}

async function request(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${await response.text()}`);
  return response;
}

async function answering(address: string, log: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    const answer = await fetch(`http://${address}:5000/v2/`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error(
    `the lab's registry does not answer at ${address}:5000\n${readFileSync(log, "utf8").slice(-500)}`,
  );
}

/** The registry of the root file system, started with that system's own loader and libraries. */
function registryProgram(): string[] {
  const rootfs = rootfsFolder();
  const [loader, triplet] =
    process.arch === "arm64"
      ? ["lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"]
      : ["lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"];
  return [
    join(rootfs, loader),
    "--library-path",
    join(rootfs, "lib", triplet),
    join(rootfs, "usr/bin/docker-registry"),
  ];
}

function registryConfig(options: { folder: string; address: string }): object {
  return {
    version: 0.1,
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(options.folder, "data") }, delete: { enabled: true } },
    http: { addr: `${options.address}:5000` },
  };
}
