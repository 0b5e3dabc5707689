import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Inspected } from "./engine";
import type { CopyRecord } from "./record";
import { until } from "./wait";

const RUN = "/run/libpod";
/** conmon writes how a container ended some milliseconds after its end, and podman removes that when it takes it down. */
const EXIT_FILE_MS = 100;
/** Every container that ends is taken down by a podman that its conmon starts. */
const TAKE_DOWN_MS = 3_000;

/** How it ended, without podman, whose lock is taken just then; null: that is not known any more. */
export async function conmonExit({ id, home }: CopyRecord): Promise<Inspected["State"] | null> {
  const file = join(RUN, "exits", id);
  try {
    await until(() => existsSync(file), { what: `conmon has written ${file}`, timeoutMs: EXIT_FILE_MS });
    const oom = [join(RUN, "persist", id, "oom"), join(home, "oom")];
    return { ExitCode: Number(readFileSync(file, "utf8")), OOMKilled: oom.some((path) => existsSync(path)) };
  } catch {
    return null;
  }
}

export function isMounted({ layer }: CopyRecord): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8").includes(` ${join(dirname(layer), "merged")} `);
}

/** Waits until the podman that takes the ended container down has unmounted it; false: none is at work. */
export async function isTakenDown(record: CopyRecord): Promise<boolean> {
  if (!isMounted(record)) return false;
  return until(() => !isMounted(record), { what: "podman takes it down", timeoutMs: TAKE_DOWN_MS }).then(
    () => true,
    () => false,
  );
}
