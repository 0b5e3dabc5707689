import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { readEvents } from "./cgroup";

/** Tells when the last process of a container is gone: an event of its cgroup, some milliseconds after. */
export interface ExitWatch {
  /** Idempotent; replaces a watch on another cgroup. A cgroup that is empty already counts as an exit now. */
  watch(container: string, cgroup: string | null): void;
  /** No news of this container any more: who kills it knows. */
  unwatch(container: string): void;
  onExit(listener: (container: string) => void): void;
}

export function createExitWatch(): ExitWatch {
  const watches = new Map<string, { cgroup: string; watcher: FSWatcher }>();
  const listeners: ((container: string) => void)[] = [];

  function unwatch(container: string): void {
    watches.get(container)?.watcher.close();
    watches.delete(container);
  }

  function gone(container: string): void {
    unwatch(container);
    for (const listener of listeners) listener(container);
  }

  return {
    unwatch,
    onExit: (listener) => void listeners.push(listener),
    watch(container, cgroup) {
      if (cgroup && watches.get(container)?.cgroup === cgroup) return;
      unwatch(container);
      if (!cgroup) return void setImmediate(() => gone(container));
      const look = () => {
        if (watches.get(container)?.watcher === watcher && !readEvents(cgroup)?.populated) gone(container);
      };
      let watcher: FSWatcher;
      try {
        watcher = watch(join(cgroup, "cgroup.events"), { persistent: false }, look);
      } catch {
        return void setImmediate(() => gone(container));
      }
      watcher.on("error", look);
      watches.set(container, { cgroup, watcher });
      // It may have ended before the watch was there.
      setImmediate(look);
    },
  };
}
