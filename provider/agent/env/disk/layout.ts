import { join } from "node:path";
import type { GenerationRef } from "../../env";

/** Where things are below the store's root: `<container>/<epoch>-<gen>/{manifest.json,images/,layer.tar}`. */
export interface Layout {
  container(name: string): string;
  /** A complete generation. */
  folder(generation: GenerationRef): string;
  /** One that is being written. */
  temporary(generation: GenerationRef): string;
  /** One that is being replaced or removed. */
  old(generation: GenerationRef): string;
  /** Holds the lowest epoch of which new generations are accepted. */
  floor(container: string): string;
}

export const MANIFEST = "manifest.json";
export const IMAGES = "images";
export const LAYER = "layer.tar";
/** What the container's first process had open when it began: runc asks for it before CRIU runs. */
export const DESCRIPTORS = `${IMAGES}/descriptors.json`;

export function layoutOf(root: string): Layout {
  const container = (name: string) => join(root, name);
  const folder = (generation: GenerationRef) =>
    join(container(generation.container), `${generation.epoch}-${generation.gen}`);
  return {
    container,
    folder,
    temporary: (generation) => `${folder(generation)}.tmp`,
    old: (generation) => `${folder(generation)}.old.tmp`,
    floor: (name) => join(container(name), "epoch"),
  };
}

/** `3-17` -> epoch 3, generation 17; null: not the folder of a complete generation. */
export function generationOf(container: string, folderName: string): GenerationRef | null {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(folderName);
  return match ? { container, epoch: Number(match[1]), gen: Number(match[2]) } : null;
}

/** `redis 3-17`, for sentences. */
export function generationText({ container, epoch, gen }: GenerationRef): string {
  return `${container} ${epoch}-${gen}`;
}
