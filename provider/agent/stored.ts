import { obsolete } from "./actions/generations";
import { type Context, generationKey, type Local, localOf } from "./context";
import { overdue } from "./schedule";
import { type ContainerView, usableGeneration } from "./view";

/** The generations on the disk are listed at least this often. */
const LIST_MS = 60_000;
const listedAt = new WeakMap<Context, number>();
const tooOld = new WeakSet<Local>();
/** The named generation for which the older ones were deleted already. */
const keptUpTo = new WeakMap<Local, string>();

/** Lists the complete generations on this host's disk. */
export async function refreshStored(context: Context): Promise<void> {
  listedAt.set(context, context.env.clock.now());
  context.stored = Map.groupBy(await context.env.disk.list(), (manifest) => manifest.container);
}

/** Lists those of one container: to look at the files of all others with each checkpoint would cost more than it. */
export async function refreshStoredOf(context: Context, name: string): Promise<void> {
  const here = await context.env.disk.list(name);
  if (here.length > 0) context.stored.set(name, here);
  else context.stored.delete(name);
}

/** Keeps the list of complete generations up to date, and deletes what nothing needs any more. */
export async function keepStored(context: Context): Promise<void> {
  // A transfer may end after what it was for is gone.
  if (context.env.clock.now() - (listedAt.get(context) ?? 0) > LIST_MS) await refreshStored(context);
  const faults: string[] = [];
  for (const container of context.view.containers.values()) {
    watchAge(context, container);
    // What is wrong with the files of one must not keep those of others from being looked through.
    await keepStoredOf(context, container).catch((error: Error) => {
      faults.push(`${container.name}: ${error.message}`);
    });
  }
  if (faults.length > 0) throw new Error(faults.join("; "));
}

async function keepStoredOf(context: Context, container: ContainerView): Promise<void> {
  const { disk, clock } = context.env;
  const named = usableGeneration(container);
  const local = localOf(context, container.name);
  if (!named || local.checkpointing || local.tending) return;
  if (!named.holders.includes(context.me.host)) {
    if (!keepsCopies(context, container)) await removeObsolete(context, container, { ...named, retain: 0 });
    return;
  }
  const key = generationKey(named);
  const here = () => context.stored.get(container.name)?.some((one) => generationKey(one) === key) ?? false;
  const known = keptUpTo.get(local) === key;
  if (here() && known) return;
  if (!here()) await refreshStoredOf(context, container.name);
  if (!here()) return;
  keptUpTo.set(local, key);
  // Every byte was hashed when it came here. Of what was here before this agent nothing is known yet.
  if (local.checked) local.checked = { key, at: clock.now() };
  await disk.raiseEpoch(container.name, named.epoch);
  const retain = container.schedule?.value.retain ?? 1;
  await removeObsolete(context, container, { ...named, retain });
}

/** Tells once when the newest generation of a container that runs here has become too old, and once when that ended. */
function watchAge(context: Context, container: ContainerView): void {
  const { me, env } = context;
  const owner = container.owner?.value;
  const local = localOf(context, container.name);
  const owns = owner?.host === me.host && owner.sid === me.sid && owner.phase === "RUNNING";
  const age = owns ? overdue(container, env.clock.wall()) : null;
  if ((age !== null) === tooOld.has(local)) return;
  if (age === null) tooOld.delete(local);
  else tooOld.add(local);
  if (!owns) return;
  const sentence = age ?? "it has a new generation again";
  env.log.event({
    kind: "generation-age",
    container: container.name,
    sentence: `${container.name}: ${sentence}`,
  });
}

/** safety: only what is older than a generation that is known to be committed (safety.md 1.10). */
async function removeObsolete(
  context: Context,
  { name }: ContainerView,
  named: { epoch: number; gen: number; retain: number },
): Promise<void> {
  const old = obsolete(context.stored.get(name) ?? [], named, named.retain);
  for (const manifest of old) await context.env.disk.remove(manifest);
  if (old.length > 0) await refreshStoredOf(context, name);
}

/** A host that owns it or stands by for it will be a holder of the next generation. */
function keepsCopies({ me }: Context, { owner, standbys }: ContainerView): boolean {
  return owner?.value.host === me.host || (standbys?.value.hosts.includes(me.host) ?? false);
}
