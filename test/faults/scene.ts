import { containerStatus, isProtected, untilContainer } from "../support/group";
import { insideRunning } from "./inside";
import { GROUP, type Stage, SUBJECT } from "./stage";

/** Who plays which part when a fault comes. */
export interface Scene {
  stage: Stage;
  primary: string;
  standby: string;
  /** The host that has no part but its vote. */
  spare: string;
}

export interface Fault {
  name: string;
  /** What must hold: it serves while the fault lasts (from where, the product decides), or when the fault has ended. */
  serves: "during" | "after";
  /** How long the fault lasts at least, ms. @default 2500 */
  lastsMs?: number;
  /** The fault is one after which memory is not trusted: the declared reaction is a cold start. */
  mayStartCold?: boolean;
  /** The gate's table is taken away, or nobody is there who would notice that. */
  gate?: "removed" | "unwatched";
  inject(scene: Scene): Promise<unknown>;
  /** Ends what the general healing does not: hosts off or paused, stopped processes and cut cables. */
  heal?(scene: Scene): Promise<unknown>;
}

/** See `insideRunning`. */
export function inHost({ stage }: Scene, host: string, command: string): Promise<void> {
  return insideRunning(stage.lab, host, command);
}

/** Waits for full protection, so that every fault meets a group that could bear it. */
export async function openScene(stage: Stage, limitMs: number): Promise<Scene> {
  await untilContainer(stage.lab, SUBJECT, {
    what: `full protection in group ${GROUP}`,
    limitMs,
    holds: isProtected,
  });
  const { primary, standbys } = await containerStatus(stage.lab, SUBJECT);
  const standby = standbys[0]!.host;
  const spare = stage.lab.hosts.find(({ name }) => name !== primary && name !== standby)!.name;
  return { stage, primary: primary!, standby, spare };
}
