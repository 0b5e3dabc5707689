import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Manifest, manifestSchema, parseJson } from "../../../contract";
import type { GenerationRef } from "../../env";
import { sha256OfText } from "./hash";
import { generationText, MANIFEST } from "./layout";

/** The manifest in `folder`; throws unless it has this hash and is of this generation. */
export async function readManifest(
  folder: string,
  generation: GenerationRef,
  manifestSha: string,
): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, "utf8");
  const sha256 = sha256OfText(text);
  if (sha256 !== manifestSha) throw new Error(`${path} has the hash ${sha256}, expected ${manifestSha}`);
  const manifest = parseJson(manifestSchema, text, path);
  if (!isOf(manifest, generation))
    throw new Error(`${path} is not of generation ${generationText(generation)}`);
  return manifest;
}

/** Whether both are the same generation. */
export function isOf(found: GenerationRef, { container, epoch, gen }: GenerationRef): boolean {
  return found.container === container && found.epoch === epoch && found.gen === gen;
}
