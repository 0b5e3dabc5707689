import { statSync } from "node:fs";
import { access, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import {
  check,
  type Manifest,
  manifestBytes,
  manifestSchema,
  nameSchema,
  parseJson,
} from "../../../contract";
import type { Disk, GenerationRef } from "../../env";
import { createSerial } from "../serial";
import { type Arrival, createArrivals } from "./arrivals";
import { createEpochFloor } from "./epoch-floor";
import { type FileOps, fileOps } from "./file-ops";
import { sha256OfText } from "./hash";
import { createIncoming } from "./incoming";
import { createKnownHashes } from "./known-hashes";
import { generationOf, generationText, layoutOf, MANIFEST } from "./layout";
import { isOf, readManifest } from "./manifest-file";
import { encodePieces } from "./pieces";
import { GenerationRefused } from "./refused";
import { checkFiles, type FoundFiles, findFiles, treesOf } from "./tree";
import { wholeFiles } from "./whole";

export interface GenerationDisk extends Disk {
  /**
   * Take a generation from a stream (as `send` makes it): resolves when its manifest has the hash `manifestSha`, every
   * file agrees with it and all is durable. Else throws a GenerationRefused and keeps nothing.
   */
  receive(arrival: Arrival): Promise<void>;
  /** Images that a peer's dump writes now (`Net.sendImages`); resolves when all is here. */
  receiveImages(generation: GenerationRef, stream: Readable): Promise<void>;
  /** A complete generation as a stream. Destroying it ends the reading. */
  send(generation: GenerationRef): Promise<{ manifestSha: string; stream: Readable }>;
  /** Remove what a crash left half written. For the start, before anything is dumped or received. */
  sweep(): Promise<void>;
}

/** `root`: absolute path; made when it is missing. `ops` is replaced by tests that crash between two steps. */
export function createDisk({ root, ops = fileOps }: { root: string; ops?: FileOps }): GenerationDisk {
  const layout = layoutOf(root);
  const floor = createEpochFloor(layout, ops);
  const serial = createSerial();
  const hashes = createKnownHashes();
  const incoming = createIncoming({ begin: beginIncoming, remove });
  const arrivals = createArrivals({
    hashOf: hashes.of,
    discard,
    admit,
    verify,
    makeTemporary,
    publish,
  });

  async function list(only?: string): Promise<Manifest[]> {
    const found: Manifest[] = [];
    for (const container of only === undefined ? await namesIn(root) : [only]) {
      if (!nameSchema.safeParse(container).success) continue;
      for (const name of await namesIn(layout.container(container))) {
        const generation = generationOf(container, name);
        const manifest = generation && (await manifestIfWhole(generation));
        if (manifest) found.push(manifest);
      }
    }
    return found.sort((a, b) => a.container.localeCompare(b.container) || a.epoch - b.epoch || a.gen - b.gen);
  }

  /** Null unless the manifest can be read, is of this generation, and its files are there in their sizes. */
  async function manifestIfWhole(generation: GenerationRef): Promise<Manifest | null> {
    const folder = layout.folder(generation);
    try {
      const parsed = check(manifestSchema, JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
      if (!parsed.ok || !isOf(parsed.value, generation)) return null;
      for (const { path, size } of parsed.value.trees.flatMap((tree) => tree.files)) {
        // One call of the kernel for each of many small files: to wait for each would take far longer than all of them.
        if (statSync(`${folder}/${path}`).size !== size) return null;
      }
      return parsed.value;
    } catch {
      return null;
    }
  }

  async function begin(generation: GenerationRef): Promise<string> {
    await ensureContainer(generation.container);
    await floor.check(generation);
    return makeTemporary(generation);
  }

  async function makeTemporary(generation: GenerationRef): Promise<string> {
    await ensureContainer(generation.container);
    const temporary = layout.temporary(generation);
    await ops.remove(temporary);
    await mkdir(temporary, { mode: 0o700 });
    return temporary;
  }

  async function seal(generation: GenerationRef, draft: Omit<Manifest, "trees">) {
    const temporary = layout.temporary(generation);
    const found = await findFiles(temporary);
    const manifest: Manifest = {
      ...draft,
      trees: await treesOf(temporary, found.files, hashes.of(generation)),
    };
    const text = `${JSON.stringify(manifest)}\n`;
    // Nothing is sealed that `verify` would not read back.
    const read = parseJson(manifestSchema, text, `the manifest of ${generationText(generation)}`);
    if (!isOf(read, generation)) throw new Error(`the manifest is not of ${generationText(generation)}`);
    await ops.write(join(temporary, MANIFEST), text);
    await publish(generation, found, false);
    return { manifest, sha256: sha256OfText(text), bytes: manifestBytes(manifest) };
  }

  /** Make the temporary folder durable, then complete. */
  async function publish(
    generation: GenerationRef,
    { files, folders }: FoundFiles,
    named: boolean,
  ): Promise<void> {
    const temporary = layout.temporary(generation);
    await Promise.all(files.map((path) => ops.sync(join(temporary, path))));
    await ops.sync(join(temporary, MANIFEST));
    for (const folder of folders) await ops.sync(join(temporary, folder));
    await ops.sync(temporary);
    await serial(generation.container, async () => {
      if (!named) await floor.check(generation);
      await floor.raise(generation.container, generation.epoch);
      await retire(generation);
      await ops.rename(temporary, layout.folder(generation));
      await ops.sync(layout.container(generation.container));
    });
    await ops.remove(layout.old(generation));
  }

  /** Take a complete generation out of sight in one step; what its name then holds is to be removed. */
  async function retire(generation: GenerationRef): Promise<void> {
    if (!(await exists(layout.folder(generation)))) return;
    await ops.remove(layout.old(generation));
    await ops.rename(layout.folder(generation), layout.old(generation));
  }

  async function verify(generation: GenerationRef, manifestSha: string) {
    const folder = layout.folder(generation);
    const manifest = await readManifest(folder, generation, manifestSha);
    await checkFiles(folder, manifest, hashes.of(generation));
    return { folder, manifest };
  }

  async function send(generation: GenerationRef) {
    const folder = layout.folder(generation);
    const manifest = await readFile(join(folder, MANIFEST)).catch((error) => {
      const what = `no generation ${generationText(generation)} to send`;
      throw new GenerationRefused("not-found", `${what}: ${error.message}`, { cause: error });
    });
    const stream = encodePieces(wholeFiles(folder, manifest));
    return { manifestSha: sha256OfText(manifest.toString()), stream };
  }

  async function remove(generation: GenerationRef): Promise<void> {
    incoming.forget((text) => text === generationText(generation));
    await arrivals.cancel((other) => isOf(other, generation));
    await serial(generation.container, () => retire(generation));
    await ops.remove(layout.old(generation));
    await discard(generation);
  }

  async function discard(generation: GenerationRef): Promise<void> {
    hashes.forget((text) => text === generationText(generation));
    await ops.remove(layout.temporary(generation));
  }

  async function raiseEpoch(container: string, epoch: number): Promise<void> {
    await ensureContainer(container);
    await serial(container, () => floor.raise(container, epoch));
  }

  async function forget(container: string): Promise<void> {
    await arrivals.cancel((generation) => generation.container === container);
    hashes.forget((text) => text.startsWith(`${container} `));
    await serial(container, () => ops.remove(layout.container(container)));
  }

  async function admit(generation: GenerationRef): Promise<void> {
    await ensureContainer(generation.container);
    await serial(generation.container, async () => {
      await floor.check(generation);
      await floor.raise(generation.container, generation.epoch);
    });
  }

  async function beginIncoming(generation: GenerationRef): Promise<string> {
    await admit(generation);
    return begin(generation);
  }

  async function sweep(): Promise<void> {
    for (const container of await namesIn(root)) {
      for (const name of await namesIn(layout.container(container))) {
        if (name.endsWith(".tmp")) await ops.remove(join(layout.container(container), name));
      }
    }
  }

  async function ensureContainer(container: string): Promise<void> {
    const made = await mkdir(layout.container(container), { recursive: true, mode: 0o700 });
    if (!made) return;
    await ops.sync(root);
    await ops.sync(dirname(made));
  }

  return {
    list,
    begin,
    seal,
    verify,
    receive: arrivals.receive,
    receiveImages: incoming.receive,
    arriving: incoming.arriving,
    folder: layout.folder,
    send,
    remove,
    raiseEpoch,
    forget,
    sweep,
  };
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
