import { realMac } from "../contract";
import type { Context, Local } from "./context";
import type { ContainerView } from "./view";

interface Progress {
  dueAt: number;
  failures: number;
  running: boolean;
}

/**
 * Returns a function that is called in every cycle for a container that runs here: it starts each probe when it is
 * due and marks the copy unhealthy after as many failures in a row as the probe allows.
 */
export function createProber(context: Context): (container: ContainerView, local: Local) => void {
  const progress = new Map<string, Progress>();
  return (container, local) => {
    if (local.state !== "running" || !local.joined || !container.spec) return;
    const spec = container.spec.value;
    const life = container.owner!.value.epoch;
    spec.probes.forEach((probe, index) => {
      const key = `${container.name}/${life}/${index}`;
      const now = context.env.clock.now();
      const state = progress.get(key) ?? { dueAt: now, failures: 0, running: false };
      progress.set(key, state);
      // safety: a command that runs inside during a dump would be dumped with it.
      if (state.running || now < state.dueAt || local.busy) return;
      state.running = true;
      local.probing += 1;
      const mac = realMac(context.me.group, container.name);
      void context.env.runtime
        .probe({ spec, mac, probe })
        .catch((error: Error) => `the probe could not be made: ${error.message}`)
        .then((fault) => {
          state.running = false;
          local.probing -= 1;
          state.dueAt = context.env.clock.now() + probe.interval * 1000;
          // What was asked while the copy was frozen or replaced says nothing about the application.
          if (local.state !== "running" || !local.joined || local.busy) return;
          state.failures = fault === null ? 0 : state.failures + 1;
          if (fault === null || state.failures < probe.retries) return;
          state.failures = 0;
          local.unhealthy = `its probe failed ${probe.retries} times in a row: ${fault}`;
          context.env.log.event({
            kind: "probe",
            container: container.name,
            sentence: `${container.name}: ${local.unhealthy}`,
          });
          context.wake();
        });
    });
  };
}
