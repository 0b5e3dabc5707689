import { realMac } from "../contract";
import { type Context, count, type Local } from "./context";
import type { ProbeResult } from "./env";
import type { ContainerView } from "./view";

/** How one probe has gone in one life of a container. */
interface Progress {
  dueAt: number;
  failures: number;
  /** How often in a row this host could not ask, and why not. */
  unasked: number;
  why: string;
  running: boolean;
}

/**
 * Returns a function that is called in every cycle for a container that runs here: it starts each probe when it is
 * due and marks the copy unhealthy after as many failures in a row as the probe allows. A question that this host could
 * not ask is none of them.
 */
export function createProber(context: Context): (container: ContainerView, local: Local) => void {
  const { clock, log, runtime } = context.env;
  const lives = new Map<string, { epoch: number; probes: Progress[] }>();

  function progressOf({ name, owner, spec }: ContainerView, local: Local): Progress[] {
    const { epoch } = owner!.value;
    const known = lives.get(name);
    if (known?.epoch === epoch) return known.probes;
    const dueAt = clock.now();
    const probes = spec!.value.probes.map(
      (): Progress => ({ dueAt, failures: 0, unasked: 0, why: "", running: false }),
    );
    lives.set(name, { epoch, probes });
    Object.assign(local, { doubted: false, unasked: null });
    return probes;
  }

  function tell(container: string, what: string): void {
    log.event({ kind: "probe", container, sentence: `${container}: ${what}` });
  }

  /** Tells when it begins to last that this host cannot ask, and when it ends. */
  function tellOfUnasked(container: string, local: Local, why: string | undefined): void {
    const before = local.unasked;
    local.unasked =
      why === undefined
        ? null
        : `${context.me.host} cannot ask it whether it is well, by a fault of this host and not its own: ${why}`;
    if (before === null && local.unasked !== null) tell(container, local.unasked);
    if (before !== null && local.unasked === null)
      tell(container, `${context.me.host} can ask it again whether it is well`);
  }

  return (container, local) => {
    if (local.state !== "running" || !local.joined || !container.spec) return;
    const spec = container.spec.value;
    const probes = progressOf(container, local);
    probes.forEach((state, index) => {
      const probe = spec.probes[index];
      // safety: a command that runs inside during a dump would be dumped with it.
      if (!probe || state.running || clock.now() < state.dueAt || local.busy) return;
      state.running = true;
      local.probing += 1;
      const mac = realMac(context.me.group, container.name);
      void runtime
        .probe({ spec, mac, probe })
        .catch((error: Error): ProbeResult => ({ result: "unasked", why: error.message }))
        .then((result) => {
          state.running = false;
          local.probing -= 1;
          state.dueAt = clock.now() + probe.interval * 1000;
          // What was asked while the copy was frozen or replaced says nothing about the application.
          if (local.state !== "running" || !local.joined || local.busy) return;
          if (lives.get(container.name)?.probes !== probes) return;
          note(state, result);
          if (result.result === "failed") count(context, "probe_failures_total");
          local.doubted = probes.some(({ failures }) => failures > 0);
          const lasting = probes.find(({ unasked }, at) => unasked >= (spec.probes[at]?.retries ?? 1));
          tellOfUnasked(container.name, local, lasting?.why);
          if (result.result !== "failed" || state.failures < probe.retries) return;
          state.failures = 0;
          local.unhealthy = `its probe failed ${probe.retries} times in a row: ${result.fault}`;
          tell(container.name, local.unhealthy);
          context.wake();
        });
    });
  };
}

function note(state: Progress, result: ProbeResult): void {
  if (result.result === "unasked") {
    state.unasked += 1;
    state.why = result.why;
    return;
  }
  state.unasked = 0;
  state.failures = result.result === "failed" ? state.failures + 1 : 0;
}
