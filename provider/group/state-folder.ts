import { z } from "zod";
import { MOUNT_STATE_SCRIPT, stateMount, stateMountFile, stateMountUnit } from "../commands/state-folder";
import { paths } from "../contract";
import { UserError } from "../errors";
import { onAll } from "../fleet";
import type { HostSession } from "../ssh/session";
import { installFiles } from "./files";

/** What does not outlive a reboot, and what the product has elsewhere. */
const UNFIT = ["/dev", "/proc", "/run", "/sys", "/tmp", "/var/run", paths.state, paths.etc, paths.lib];

/** Plain names only: systemd and shells would read more into others. */
export const stateFolderSchema = z.string().refine(outlivesReboots, {
  error: (issue) =>
    'expected a folder that outlives a reboot, such as "/data/container-ha", its path of letters, digits, dots, dashes ' +
    `and underscores, got ${JSON.stringify(issue.input)}`,
});

function outlivesReboots(path: string): boolean {
  const isPlain = /^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/.test(path);
  return isPlain && !UNFIT.some((unfit) => `${path}/`.startsWith(`${unfit}/`));
}

/** Where a host has the group's state now. */
export interface StateView {
  /** Chosen by an earlier run; null: none. */
  folder: string | null;
  /** Something is mounted at the standard place. */
  isMounted: boolean;
  /** There is something in it. */
  isFilled: boolean;
  /** There is something in the folder that is chosen now. */
  isChosenFilled: boolean;
}

export type StateStep = { do: "nothing" | "mount" } | { do: "refuse"; reason: string };

/** What is to be done on a host that is to have its state in `wanted` (undefined: in the standard place). */
export function nextStateStep(wanted: string | undefined, view: StateView): StateStep {
  const { folder } = view;
  if (folder !== null && folder !== wanted) {
    return refuse(
      `expected ${folder} as before, got ${wanted ?? "none"}. If no group uses it any more: ` +
        `systemctl disable --now '${stateMount}' && rm '${stateMountFile}'`,
    );
  }
  if (wanted === undefined) return { do: "nothing" };
  if (folder === wanted) return { do: view.isMounted ? "nothing" : "mount" };
  if (view.isMounted) return refuse(`expected none, as ${paths.state} is a mount point of its own there`);
  if (view.isFilled)
    return refuse(`expected none as before: the group has its state in ${paths.state} there`);
  if (view.isChosenFilled)
    return refuse(`expected a new or empty folder, got ${wanted} with files in it: name a folder below it`);
  return { do: "mount" };
}

function refuse(reason: string): StateStep {
  return { do: "refuse", reason };
}

/** The hosts on which the folder has to be mounted. Throws where that cannot be. */
export function hostsToMount(
  wanted: string | undefined,
  views: ReadonlyMap<string, { state: StateView }>,
): string[] {
  const steps = [...views].map(([name, { state }]) => ({ name, step: nextStateStep(wanted, state) }));
  const problems = steps.flatMap(({ name, step }) =>
    step.do === "refuse" ? [`stateFolder: on ${name}: ${step.reason}`] : [],
  );
  if (problems.length > 0) throw new UserError(problems.join("\n"));
  return steps.filter(({ step }) => step.do === "mount").map(({ name }) => name);
}

/** Everything that has its state at the standard place has it in `folder` from now on, and after a reboot. */
export async function mountStateFolder(
  hosts: ReadonlyMap<string, HostSession>,
  folder: string,
): Promise<void> {
  await onAll(hosts, async (host) => {
    await installFiles(host, [{ path: stateMountFile, content: stateMountUnit(folder) }]);
    await host.script(MOUNT_STATE_SCRIPT, { args: [folder], label: `put the group's state into ${folder}` });
  });
}
