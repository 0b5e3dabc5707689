import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Engine as EngineName, paths } from "../../../contract";
import type { RuntimeContext } from "./context";

/** An image by the name that its engine pulls it by. */
export interface PulledImage {
  engine: EngineName;
  image: string;
}

const FILE = /^kept-[a-z]+-[0-9a-f]{64}\.tar(\.part)?$/;

/** Loads the image from the archive that was kept of it. False: none was, or it cannot be used. */
export async function loadKept(context: RuntimeContext, { engine, image }: PulledImage): Promise<boolean> {
  const file = fileOf({ engine, image });
  if (!existsSync(file)) return false;
  try {
    await context.engines[engine].load(file, image);
    context.log.info(`${image} was gone from ${engine} and is loaded from the archive that was kept of it`);
    return true;
  } catch (error) {
    context.log.warn(`${image} was not loaded from its archive: ${(error as Error).message}`);
    rmSync(file, { force: true });
    return false;
  }
}

/**
 * Keeps archives of exactly these images: `prune` takes every image that nothing runs of, as a standby's, and the
 * registry may be gone when it is needed.
 */
export async function keepImages(context: RuntimeContext, images: PulledImage[]): Promise<void> {
  const named = images.filter(({ image }) => !image.includes("@"));
  mkdirSync(paths.images, { recursive: true, mode: 0o700 });
  const wanted = new Set(named.map(fileOf));
  for (const name of readdirSync(paths.images)) {
    const file = join(paths.images, name);
    if (FILE.test(name) && !wanted.has(file)) rmSync(file, { force: true });
  }
  for (const image of named) {
    const file = fileOf(image);
    if (existsSync(file)) continue;
    await save(context, image, file);
  }
}

async function save(context: RuntimeContext, { engine, image }: PulledImage, file: string): Promise<void> {
  const part = `${file}.part`;
  rmSync(part, { force: true });
  try {
    await context.engines[engine].save(image, part);
    renameSync(part, file);
  } finally {
    rmSync(part, { force: true });
  }
}

function fileOf({ engine, image }: PulledImage): string {
  const name = createHash("sha256").update(image).digest("hex");
  return join(paths.images, `kept-${engine}-${name}.tar`);
}
