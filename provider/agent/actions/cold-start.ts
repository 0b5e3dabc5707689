import { type Connection, type ContainerSpec, realMac } from "../../contract";
import { type Context, count, type Subject, unlessEnded } from "../context";
import { Undumpable } from "../env";

/** A trial checkpoint that fails for a reason that may pass is repeated, after this long. */
const TRIALS = 3;
const TRIAL_PAUSE_MS = 500;
/** So long in all a beginning waits for this host to be able to ask its application. */
const UNASKED_LIMIT_MS = 30_000;

/** Starts it without memory, behind the closed gate, until its application is healthy and it was dumped once. */
export async function startCold(
  context: Context,
  { subject, spec }: { subject: Subject; spec: ContainerSpec },
): Promise<Connection[]> {
  const { runtime } = context.env;
  const { local } = subject;
  const mac = realMac(context.me.group, spec.name);
  local.mac = "real";
  await context.syncGate();
  await unlessEnded(context, runtime.ensureImage(spec.workload));
  await runtime.start({ spec, mac });
  count(context, "cold_starts_total");
  local.state = "running";
  await untilHealthy(context, spec);
  await trialCheckpoint(context, subject);
  return [];
}

/**
 * Waits for the application behind the closed gate, as long as its probes' start period allows; while this host cannot
 * ask, that does not run out.
 */
async function untilHealthy(context: Context, spec: ContainerSpec): Promise<void> {
  const mac = realMac(context.me.group, spec.name);
  for (const probe of spec.probes) {
    const { clock, runtime } = context.env;
    const deadline = clock.now() + probe.startPeriod * 1000 + probe.timeout * 1000;
    let unaskedMs = 0;
    for (;;) {
      const askedAt = clock.now();
      const asked = await runtime.probe({ spec, mac, probe });
      if (asked.result === "healthy") break;
      const { state, detail } = await runtime.inspect(spec.name);
      if (state !== "running") throw new Error(`it ${detail ?? `is ${state}`} right after its start`);
      if (asked.result === "failed" && clock.now() >= deadline + unaskedMs)
        throw new Error(`its probe fails after the start period: ${asked.fault}`);
      await clock.sleep(100, context.signal);
      if (asked.result === "failed") continue;
      unaskedMs += clock.now() - askedAt;
      if (unaskedMs >= UNASKED_LIMIT_MS)
        throw new Error(
          `${context.me.host} cannot ask it whether it is well, by a fault of this host: ${asked.why}`,
        );
    }
  }
}

/** Admission: what cannot be dumped is refused now, not when it is needed. */
async function trialCheckpoint(context: Context, subject: Subject): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const fault = await faultOfTrial(context, subject);
    if (fault === null) return;
    const { message } = fault;
    if (fault instanceof Undumpable && (attempt === TRIALS || !fault.mayPass))
      throw new Undumpable(`it cannot be checkpointed: ${message}`);
    if (attempt === TRIALS) throw new Error(`its trial checkpoint failed ${TRIALS} times: ${message}`);
    context.env.log.warn(`${subject.container.name}: its trial checkpoint is repeated: ${message}`);
    await context.env.clock.sleep(TRIAL_PAUSE_MS, context.signal);
  }
}

/** Why it could not be dumped; null: it can be. Throws when it ended. */
async function faultOfTrial(context: Context, { container }: Subject): Promise<Error | null> {
  const trial = { container: container.name, epoch: container.owner!.value.epoch, gen: 0 };
  const folder = await context.env.disk.begin(trial);
  try {
    await context.env.runtime.dump({ container: container.name, folder });
    return null;
  } catch (error) {
    const { state, detail } = await context.env.runtime.inspect(container.name);
    if (state !== "running") throw new Error(`it ${detail ?? `is ${state}`} right after its start`);
    return error as Error;
  } finally {
    await context.env.disk.remove(trial);
  }
}
