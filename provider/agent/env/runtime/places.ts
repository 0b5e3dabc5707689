import { join } from "node:path";
import { paths } from "../../../contract";

/** Where the runtime keeps what belongs to one copy. `run` is on a tmpfs: a reboot loses it, as it must. */
export interface Places {
  /** Folder of all the others, readable by root only. */
  run: string;
  /** CRIU's configuration for this container, named in its annotation; rewritten before each dump and restore. */
  criuConf: string;
  /** Where CRIU writes its log and statistics. */
  work: string;
  /** Named pipe: a restore that finds it waits there before the first instruction. */
  gatePipe: string;
  /** Written by the hold script: the init process that waits. */
  held: string;
  /** Exists while the engine's copy can be restored into. */
  prepared: string;
  /** The MAC that the running copy has now. */
  mac: string;
  /** One file per freeze reason. */
  freeze: string;
  /** Environment of the container, for the engine's command line, only while it is created. */
  envFile: string;
  /** What the engine knows the copy by; survives a reboot. */
  record: string;
  /** Script that CRIU calls at each stage of a restore. Not on /run, which may be mounted noexec. */
  holdScript: string;
}

export const runRoot = join(paths.run, "containers");
export const recordRoot = join(paths.state, "copies");

/** Asked for many times in each cycle: `join` would take more time than what is done with the paths. */
export function placesOf(container: string): Places {
  const run = `${runRoot}/${container}`;
  return {
    run,
    criuConf: `${run}/criu.conf`,
    work: `${run}/work`,
    gatePipe: `${run}/release`,
    held: `${run}/held`,
    prepared: `${run}/prepared`,
    mac: `${run}/mac`,
    freeze: `${run}/freeze`,
    envFile: `${run}/env`,
    record: `${recordRoot}/${container}.json`,
    holdScript: `${recordRoot}/${container}.hold`,
  };
}

/** A generation as `dump` writes and `restore` reads it. */
export function generationPlaces(folder: string): { images: string; layer: string } {
  return { images: join(folder, "images"), layer: join(folder, "layer.tar") };
}
