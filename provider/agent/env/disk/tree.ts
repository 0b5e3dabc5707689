import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../../../contract";
import type { HashOf } from "./known-hashes";
import { IMAGES, LAYER, MANIFEST } from "./layout";

type Kind = Manifest["trees"][number]["kind"];

export interface FoundFiles {
  /** Every file but the manifest, by path relative to the folder, sorted. */
  files: string[];
  /** Every folder below, deepest first. */
  folders: string[];
}

/** What is in a generation's folder; throws for anything that is neither file nor folder. */
export async function findFiles(folder: string): Promise<FoundFiles> {
  const found: FoundFiles = { files: [], folders: [] };
  await walk("");
  found.files.sort();
  return found;

  async function walk(relative: string): Promise<void> {
    for (const entry of await readdir(join(folder, relative), { withFileTypes: true })) {
      const path = relative ? `${relative}/${entry.name}` : entry.name;
      if (entry.isDirectory()) {
        await walk(path);
        found.folders.push(path);
      } else if (!entry.isFile()) {
        throw new Error(`${join(folder, path)} is neither a file nor a folder`);
      } else if (path !== MANIFEST) {
        found.files.push(path);
      }
    }
  }
}

/** The tree a file belongs to; throws for a file that has no place in a generation. */
export function kindOf(path: string): Kind {
  if (path === LAYER) return "layer";
  if (path.startsWith(`${IMAGES}/`) && !path.split("/").includes("..")) return "images";
  throw new Error(`${path} has no place in a generation: expected ${IMAGES}/* and ${LAYER}`);
}

/** Hash the files into the manifest's trees. */
export async function treesOf(folder: string, files: string[], hashOf: HashOf): Promise<Manifest["trees"]> {
  const trees: Manifest["trees"] = [];
  for (const path of files) {
    const kind = kindOf(path);
    let tree = trees.find((each) => each.kind === kind);
    if (!tree) {
      tree = { kind, files: [] };
      trees.push(tree);
    }
    tree.files.push({ path, ...(await hashOf(folder, path)) });
  }
  return trees;
}

/** Throws with the first file that is missing, altered, torn or not in the manifest. */
export async function checkFiles(folder: string, manifest: Manifest, hashOf: HashOf): Promise<FoundFiles> {
  const found = await findFiles(folder);
  const expected = new Map(manifest.trees.flatMap((tree) => tree.files).map((file) => [file.path, file]));
  for (const path of found.files) {
    const file = expected.get(path);
    if (!file) throw new Error(`${join(folder, path)} is not in the manifest`);
    expected.delete(path);
    const { sha256, size } = await hashOf(folder, path);
    if (size !== file.size) {
      throw new Error(`${join(folder, path)} has ${size} bytes, expected ${file.size} as in the manifest`);
    }
    if (sha256 !== file.sha256) throw new Error(`the content of ${join(folder, path)} was altered`);
  }
  const missing = [...expected.keys()][0];
  if (missing !== undefined) throw new Error(`${join(folder, missing)} is missing`);
  return found;
}
