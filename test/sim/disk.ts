import { createHash } from "node:crypto";
import type { Disk, GenerationRef } from "../../provider/agent/env";
import type { Manifest } from "../../provider/contract";
import { createListeners } from "./listeners";
import type { Image } from "./memory";
import type { SimProcess } from "./process";
import type { Random } from "./random";

interface Stored {
  manifest: Manifest;
  sha256: string;
  image: Image;
}

/** The disk of one host: it keeps what it has over crashes and power cuts. */
export interface SimDisk {
  /** What a folder holds; undefined: nothing was dumped there. */
  imageIn(folder: string): Image | undefined;
  /** Hash of the manifest in a folder; null: there is none. */
  manifestIn(folder: string): string | null;
  write(folder: string, image: Image): void;
  has(generation: GenerationRef): boolean;
  /** Hash of its manifest; null: it is not here. */
  hashOf(generation: GenerationRef): string | null;
  /** Complete generations of a container, as `epoch-gen`. */
  generations(container: string): string[];
  /** Containers of which there is anything. */
  containers(): string[];
  /** A complete generation that comes from nowhere. */
  plant(generation: GenerationRef): void;
  /** One byte of this generation changes. */
  alter(generation: GenerationRef): void;
  /** A peer's transfer. Throws where the token is old or what arrives is damaged. */
  receive(generation: GenerationRef, from: SimDisk, how?: { named: boolean }): void;
  send(generation: GenerationRef): Stored;
  /** What a peer dumped, for one restore: gone with the power. */
  takeImages(generation: GenerationRef, image: Image): void;
  /** Nothing more can be written. */
  full: boolean;
  /** So many of the next reads of a generation fail, though nothing is wrong with it. */
  unreadable: number;
  /** Its calls never return. */
  hangs: boolean;
  /** Whether it refuses what is older than the epoch it knows (the token is checked at the resource). */
  checksEpochs: boolean;
  /** A generation was completed or removed, or a higher epoch was heard of. */
  onChange(listener: (change: DiskChange) => void): void;
  /** The power goes: what was not synced vanishes or is torn. */
  lose(random: Random): void;
  portOf(process: SimProcess): Disk;
}

export type DiskChange =
  | { what: "stored" | "removed"; generation: GenerationRef }
  | { what: "epoch"; container: string; epoch: number }
  | { what: "forgotten"; container: string };

export interface DiskOptions {
  /** Ms for one operation. */
  operationMs(): number;
}

const ARRIVAL_LOOK_MS = 1;
const BYTES = 64_000_000;

export function createSimDisk(o: DiskOptions): SimDisk {
  const complete = new Map<string, Stored>();
  const temporary = new Map<string, Image>();
  const floors = new Map<string, number>();

  const changes = createListeners<DiskChange>();

  const checkFloor = (generation: GenerationRef) => {
    if (!disk.checksEpochs) return;
    const floor = floors.get(generation.container) ?? 0;
    if (generation.epoch < floor)
      throw new Error(`generation ${keyOf(generation)} is of an older epoch than ${floor}`);
  };
  const raise = (container: string, epoch: number) => {
    floors.set(container, Math.max(epoch, floors.get(container) ?? 0));
    changes.tell({ what: "epoch", container, epoch });
  };
  const refuseFull = () => {
    if (disk.full) throw new Error("ENOSPC: no space left on device");
  };
  const publish = (generation: GenerationRef, stored: Stored, named = false) => {
    if (!named) {
      checkFloor(generation);
      changes.tell({ what: "stored", generation });
    }
    raise(generation.container, generation.epoch);
    complete.set(keyOf(generation), stored);
  };

  const disk: SimDisk = {
    full: false,
    unreadable: 0,
    hangs: false,
    checksEpochs: true,
    onChange: changes.add,
    imageIn: (folder) => temporary.get(folder) ?? complete.get(folder)?.image,
    manifestIn: (folder) => complete.get(folder)?.sha256 ?? null,
    write: (folder, image) => temporary.set(folder, image),
    has: (generation) => complete.has(keyOf(generation)),
    hashOf: (generation) => complete.get(keyOf(generation))?.sha256 ?? null,
    generations: (container) =>
      [...complete.values()]
        .filter(({ manifest }) => manifest.container === container)
        .map(({ manifest }) => `${manifest.epoch}-${manifest.gen}`),
    containers: () => [
      ...new Set([...[...complete.values()].map((stored) => stored.manifest.container), ...floors.keys()]),
    ],
    plant(generation) {
      const manifest: Manifest = {
        ...generation,
        version: 1,
        specDigest: sha256("another"),
        host: "x",
        at: "",
        trees: [],
        connections: [],
        versions: { criu: "", runtime: "", kernel: "" },
      };
      publish(generation, {
        manifest,
        sha256: sha256(JSON.stringify(manifest)),
        image: { life: 0, counter: 0, altered: false },
      });
    },
    alter(generation) {
      const stored = complete.get(keyOf(generation))!;
      complete.set(keyOf(generation), { ...stored, image: { ...stored.image, altered: true } });
    },
    receive(generation, from, { named } = { named: false }) {
      refuseFull();
      if (!named) checkFloor(generation);
      const stored = from.send(generation);
      if (stored.image.altered) throw new Error("what arrived is damaged: images/pages-1.img");
      publish(generation, stored, named);
    },
    send(generation) {
      const stored = complete.get(keyOf(generation));
      if (!stored) throw new Error(`no generation ${keyOf(generation)} to send`);
      return stored;
    },
    takeImages(generation, image) {
      refuseFull();
      checkFloor(generation);
      temporary.set(`${keyOf(generation)}.tmp`, image);
    },
    lose(random) {
      for (const [folder, image] of temporary) {
        if (random.chance(0.5)) temporary.delete(folder);
        else temporary.set(folder, { ...image, altered: true });
      }
    },
    portOf: (process) => portOf(process),
  };
  return disk;

  function portOf(process: SimProcess): Disk {
    const operation = async <T>(effect: () => T): Promise<T> => {
      await process.wait(disk.hangs ? Number.POSITIVE_INFINITY : o.operationMs());
      return effect();
    };
    return {
      list: (only) =>
        operation(() =>
          [...complete.values()]
            .map((stored) => stored.manifest)
            .filter(({ container }) => only === undefined || container === only),
        ),
      begin: (generation) =>
        operation(() => {
          refuseFull();
          checkFloor(generation);
          const folder = `${keyOf(generation)}.tmp`;
          temporary.delete(folder);
          return folder;
        }),
      seal: (generation, draft) =>
        operation(() => {
          const image = temporary.get(`${keyOf(generation)}.tmp`);
          if (!image) throw new Error(`nothing was dumped for ${keyOf(generation)}`);
          const content = JSON.stringify(image);
          const file = { path: "images/pages-1.img", size: BYTES, sha256: sha256(content) };
          const manifest: Manifest = { ...draft, trees: [{ kind: "images", files: [file] }] };
          const hash = sha256(JSON.stringify(manifest));
          publish(generation, { manifest, sha256: hash, image });
          temporary.delete(`${keyOf(generation)}.tmp`);
          return { manifest, sha256: hash, bytes: BYTES };
        }),
      verify: (generation, manifestSha) =>
        operation(() => {
          const stored = complete.get(keyOf(generation));
          if (disk.unreadable > 0) {
            disk.unreadable -= 1;
            throw new Error("EMFILE: too many open files");
          }
          if (!stored) throw new Error(`ENOENT: ${keyOf(generation)}/manifest.json`);
          if (stored.sha256 !== manifestSha) throw new Error("its manifest is another one");
          if (stored.image.altered) throw new Error("images/pages-1.img was altered");
          return { folder: keyOf(generation), manifest: stored.manifest };
        }),
      folder: (generation) => keyOf(generation),
      async arriving(generation, timeoutMs) {
        const folder = `${keyOf(generation)}.tmp`;
        for (let waited = 0; !temporary.has(folder); waited += ARRIVAL_LOOK_MS) {
          if (waited >= timeoutMs) throw new Error(`${folder} has not arrived`);
          await process.wait(ARRIVAL_LOOK_MS);
        }
        return { folder, complete: Promise.resolve() };
      },
      remove: (generation) =>
        operation(() => {
          if (complete.delete(keyOf(generation))) changes.tell({ what: "removed", generation });
          temporary.delete(`${keyOf(generation)}.tmp`);
        }),
      raiseEpoch: (container, epoch) => operation(() => void raise(container, epoch)),
      forget: (container) =>
        operation(() => {
          changes.tell({ what: "forgotten", container });
          floors.delete(container);
          for (const key of [...complete.keys()]) if (key.startsWith(`${container}/`)) complete.delete(key);
          for (const key of [...temporary.keys()]) if (key.startsWith(`${container}/`)) temporary.delete(key);
        }),
    };
  }
}

function keyOf({ container, epoch, gen }: GenerationRef): string {
  return `${container}/${epoch}-${gen}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
