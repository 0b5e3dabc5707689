import { loadedImage } from "./engine";
import { run, tryRun } from "./exec";

const LOAD_TIMEOUT_MS = 600_000;

/** What `podman` and `docker` are asked for an image archive, as argv. */
export interface ImageCommands {
  imageExists(image: string): string[];
  imageNames(): string[];
  load(archive: string): string[];
  tag(from: string, to: string): string[];
  untag(name: string): string[];
}

/** Loads an archive and gives what it holds this name. The archive's own name goes again, unless it was there before. */
export async function loadArchive(commands: ImageCommands, archive: string, image: string): Promise<void> {
  const before = (await run(commands.imageNames())).split("\n");
  const output = await run(commands.load(archive), { timeoutMs: LOAD_TIMEOUT_MS });
  const loaded = loadedImage(output);
  if (!loaded) throw new Error(`the engine loaded nothing from ${archive}: ${output.trim()}`);
  // It has this name already, perhaps written otherwise: without its tag, or its registry.
  if ((await tryRun(commands.imageExists(image))).code === 0) return;
  await run(commands.tag(loaded, image));
  const isName = !loaded.startsWith("sha256:");
  if (isName && loaded !== image && !before.includes(loaded)) await run(commands.untag(loaded));
}
