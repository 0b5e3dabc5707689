import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { type Lab, removeLab } from "./lab";
import { labId, labNames } from "./names";
import { isAlive } from "./owner";
import { checkout, labScript, labsFolder } from "./paths";
import { readState, stateFolder } from "./state";
import { type UpOptions, upLab } from "./up";

export interface WithLabOptions extends Omit<UpOptions, "id" | "owned"> {
  /** Default: the lab of this checkout, see `defaultLabId`. */
  id?: string;
}

/** The lab that `npm run lab` means: CONTAINER_HA_LAB, else one of this checkout. */
export function defaultLabId(): string {
  return labId({ fromEnvironment: process.env.CONTAINER_HA_LAB, checkout });
}

/** Boots hosts for `work` and removes them again, however it ends: return, error, exit or signal. */
export async function withLab<T>(options: WithLabOptions, work: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await bootOwnedLab(options);
  try {
    return await work(lab);
  } finally {
    await endOwnedLab(lab);
  }
}

/** A lab that ends with this process unless `endOwnedLab` ends it before. */
export async function bootOwnedLab(options: WithLabOptions): Promise<Lab> {
  const id = options.id ?? defaultLabId();
  refuseOccupied(id);
  await removeAbandonedLabs();
  await removeLab(id);
  removeAtExit(id);
  try {
    return await upLab({ ...options, id, owned: true });
  } catch (error) {
    await removeLab(id);
    owned.delete(id);
    throw error;
  }
}

export async function endOwnedLab(lab: Lab): Promise<void> {
  await lab.down();
  owned.delete(lab.id);
}

/** The hosts outlive this process, as if `npm run lab -- up` had made them. */
export function keepLab(lab: Lab): void {
  lab.close();
  lab.disown();
  owned.delete(lab.id);
}

/** Removes the labs of processes that ended without doing it themselves. */
export async function removeAbandonedLabs(): Promise<string[]> {
  const labs = existsSync(labsFolder()) ? readdirSync(labsFolder()) : [];
  const abandoned = labs.filter((id) => {
    const owner = readState(id)?.owner;
    return owner !== undefined && !isAlive(owner);
  });
  for (const id of abandoned) await removeLab(id);
  return abandoned;
}

const owned = new Set<string>();
let watching = false;

function refuseOccupied(id: string): void {
  const state = readState(id);
  if (state === undefined || (state.owner !== undefined && !isAlive(state.owner))) return;
  const by = state.owner === undefined ? 'made by "npm run lab -- up"' : `used by process ${state.owner.pid}`;
  throw new Error(
    `lab "${id}" is up, ${by}: take it down (npm run lab -- down) or name another one (CONTAINER_HA_LAB=name)`,
  );
}

function removeAtExit(id: string): void {
  owned.add(id);
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const left of owned) {
      spawnSync("bash", [labScript("clear-lab.sh"), labNames(left).key, stateFolder(left)], {
        stdio: "inherit",
      });
    }
  });
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }
}
