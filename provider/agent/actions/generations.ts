import { type Generation, type Manifest, manifestBytes } from "../../contract";
import { type Context, count, generationKey, type Local, localOf, type Subject } from "../context";
import type { GenerationRef } from "../env";
import { isLiveMember } from "../input";
import { commitTxn } from "../ownership";
import { readStore } from "../session";
import { settle } from "../settle";
import type { ContainerView, GroupView } from "../view";
import { isGone, unlessGone, withLimit } from "./limit";

/** A checkpoint has failed when its packing and sending take longer than this. */
export const TRANSFER_LIMIT_MS = 120_000;

/**
 * The folder of the named generation with every hash checked. A torn or altered copy is fetched anew from another
 * holder; never is an older generation used instead (safety.md 1.10).
 */
export async function intactGeneration(
  context: Context,
  container: ContainerView,
  { epoch, gen }: { epoch: number; gen: number },
): Promise<{ folder: string; manifest: Manifest }> {
  const { disk, log } = context.env;
  const named = theNamed(container, { epoch, gen });
  const reference = { container: container.name, epoch, gen };
  const faults: string[] = [];
  const local = localOf(context, container.name);
  try {
    return await disk.verify(reference, named.manifestSha);
  } catch (error) {
    local.damaged = generationKey(reference);
    faults.push(`${context.me.host}: ${(error as Error).message}`);
    log.event({
      kind: "generation-refused",
      container: container.name,
      sentence: `generation ${epoch}-${gen} here is refused: ${(error as Error).message}`,
    });
  }
  await fetchIntact(context, container, faults);
  const fetched = await disk.verify(reference, named.manifestSha);
  local.damaged = null;
  return fetched;
}

/** Nobody who answers has the generation intact, but these holders do not answer now. */
export class HoldersAway extends Error {
  constructor(
    message: string,
    readonly hosts: string[],
  ) {
    super(message);
  }
}

export interface NamedFiles {
  folder: string;
  /** Rejects where they are not whole. */
  whole: Promise<unknown>;
}

/** The named generation's files here, which are being hashed. */
export async function namedFiles(
  { env }: Context,
  container: ContainerView,
  { epoch, gen }: { epoch: number; gen: number },
): Promise<NamedFiles> {
  const { manifestSha } = theNamed(container, { epoch, gen });
  const reference = { container: container.name, epoch, gen };
  const whole = env.disk.verify(reference, manifestSha);
  // It may reject before it is waited for.
  whole.catch(() => {});
  return { folder: env.disk.folder(reference), whole };
}

function theNamed(container: ContainerView, { epoch, gen }: { epoch: number; gen: number }): Generation {
  const named = container.generation?.value;
  if (!named || named.epoch !== epoch || named.gen !== gen)
    throw new Error(`generation ${epoch}-${gen} is not the committed one`);
  return named;
}

/** Fetches the named generation from one of its other holders, live ones first. Throws when none has it intact. */
export async function fetchIntact(
  context: Context,
  container: ContainerView,
  faults: string[] = [],
): Promise<void> {
  const named = container.generation!.value;
  const { epoch, gen, manifestSha } = named;
  const others = named.holders.filter((host) => host !== context.me.host);
  const dead = others.filter((host) => context.suspects.has(host) || !isLiveMember(context, host));
  for (const holder of [...others.filter((host) => !dead.includes(host)), ...dead]) {
    try {
      await context.env.net.fetchGeneration(holder, { container: container.name, epoch, gen }, manifestSha);
      return;
    } catch (error) {
      faults.push(`${holder}: ${(error as Error).message}`);
    }
  }
  const sentence = `no holder has generation ${epoch}-${gen} intact: ${faults.join("; ")}`;
  // Asked again: who was live when it was begun may have been cut off since.
  const away = others.filter((host) => dead.includes(host) || !isLiveMember(context, host));
  throw away.length > 0 ? new HoldersAway(sentence, away) : new Error(sentence);
}

/** Dumps while it serves; what follows (packing, sending, committing) goes on in the background. */
export async function checkpoint(context: Context, subject: Subject, because: string): Promise<string> {
  const { container, local } = subject;
  const owner = container.owner!.value;
  local.checkpointing = true;
  try {
    const gen = await nextGeneration(context, container);
    const reference = { container: container.name, epoch: owner.epoch, gen };
    const folder = await context.env.disk.begin(reference);
    const dumped = await context.env.runtime.dump({ container: container.name, folder });
    const at = new Date(Date.parse(context.env.clock.wall()) - dumped.frozenMs).toISOString();
    count(context, "dump_frozen_seconds_total", dumped.frozenMs / 1000);
    const generation = publish(context, subject, { reference, at, connections: dumped.connections });
    void generation.then(
      ({ sentence, notHeld }) => ended(context, subject, { ok: true, sentence, notHeld }),
      async (error: Error) => {
        // Where the session ended, its commit may still be on its way.
        if (!context.signal.aborted) await context.env.disk.remove(reference).catch(() => {});
        ended(context, subject, { ok: false, sentence: error.message, notHeld: [] });
      },
    );
    return `${container.name}: dumped generation ${generationKey(reference)} (${because}), frozen ${Math.round(dumped.frozenMs)} ms`;
  } catch (error) {
    ended(context, subject, { ok: false, sentence: (error as Error).message, notHeld: [] });
    return `${container.name}: the checkpoint failed: ${(error as Error).message}`;
  }
}

/**
 * A number that no generation of this epoch here has. safety: the commit of a complete one may still be on its way,
 * from an agent that died before its reply; whatever overwrote its files would destroy what it acknowledges.
 */
async function nextGeneration({ env }: Context, container: ContainerView): Promise<number> {
  const { epoch } = container.owner!.value;
  const here = (await env.disk.list(container.name)).filter((one) => one.epoch === epoch);
  return 1 + Math.max(container.generation?.value.gen ?? 0, ...here.map(({ gen }) => gen));
}

async function publish(
  context: Context,
  { container, local }: Subject,
  { reference, at, connections }: { reference: GenerationRef } & Pick<Manifest, "at" | "connections">,
): Promise<{ sentence: string; notHeld: string[] }> {
  const { env, me } = context;
  const owner = container.owner!.value;
  const sealed = await env.disk.seal(reference, {
    version: 1,
    ...reference,
    specDigest: owner.specDigest,
    host: me.host,
    at,
    connections,
    versions: await env.runtime.versions(),
  });
  const standbys = container.standbys?.value.hosts ?? [];
  const sent = await Promise.allSettled(
    standbys.map((peer) => {
      const sending = unlessGone(context, peer, env.net.sendGeneration(peer, reference));
      return withLimit(context, sending, TRANSFER_LIMIT_MS, "sending it");
    }),
  );
  for (const [index, { status }] of sent.entries()) {
    const standby = standbys[index]!;
    if (status === "fulfilled") local.refusals.delete(standby);
    else if (!isGone(context, standby)) refused(local, standby, env.clock.now());
  }
  const faults = sent.flatMap((result, index) =>
    result.status === "rejected" ? [`${standbys[index]}: ${(result.reason as Error).message}`] : [],
  );
  const holders = standbys.filter((_, index) => sent[index]!.status === "fulfilled");
  if (holders.length === 0)
    throw new Error(`no standby took generation ${generationKey(reference)}: ${faults.join("; ")}`);
  const generation: Generation = {
    gen: reference.gen,
    epoch: reference.epoch,
    specDigest: owner.specDigest,
    manifestSha: sealed.sha256,
    holders: [me.host, ...holders],
    bytes: manifestBytes(sealed.manifest),
    at,
  };
  if (!(await commit(context, container, generation)))
    throw new Error(
      `generation ${generationKey(reference)} was not committed: its records changed meanwhile`,
    );
  const short = faults.length > 0 ? `; not held by ${faults.join("; ")}` : "";
  const sentence = `${container.name}: committed generation ${generationKey(reference)} (${Math.round(generation.bytes / 1e5) / 10} MB) on ${generation.holders.join(", ")}${short}`;
  return { sentence, notHeld: faults };
}

/** What a host that lives did not take says something of it, of its disk for example. */
function refused({ refusals }: Local, standby: string, at: number): void {
  refusals.set(standby, { inARow: 1 + (refusals.get(standby)?.inARow ?? 0), at });
}

/**
 * Names the generation. A standby that becomes a holder of the one before, or stops being one, changes that record
 * meanwhile: as long as it names the same generation and the owner is the same, the commit is repeated over it.
 */
async function commit(context: Context, container: ContainerView, generation: Generation): Promise<boolean> {
  const { env, me, signal } = context;
  let seen = container;
  for (;;) {
    const { committed } = await settle(env, commitTxn(me, seen, generation), signal);
    if (committed) return true;
    const now = (await freshView(context)).containers.get(container.name);
    if (isSame(now?.generation?.value, generation)) return true;
    const same = isSame(now?.generation?.value, seen.generation?.value);
    if (!now || !same || now.owner?.rev !== seen.owner?.rev || now.generation?.rev === seen.generation?.rev)
      return false;
    seen = { ...seen, generation: now.generation };
  }
}

function isSame(a: Generation | undefined, b: Generation | undefined): boolean {
  return a?.epoch === b?.epoch && a?.gen === b?.gen && a?.manifestSha === b?.manifestSha;
}

export async function freshView({ env, readView, signal }: Context): Promise<GroupView> {
  return readView(await readStore(env, signal));
}

function ended(
  context: Context,
  { container, local }: Subject,
  result: { ok: boolean; sentence: string; notHeld: string[] },
): void {
  const incomplete =
    result.notHeld.length > 0
      ? `a standby has not taken the last generation: ${result.notHeld.join("; ")}`
      : null;
  const failures = result.ok && !incomplete ? 0 : (local.lastCheckpoint?.failures ?? 0) + 1;
  local.checkpointing = false;
  local.lastCheckpoint = { at: context.env.clock.now(), ok: result.ok, failures };
  local.degraded = result.ok ? incomplete : `the last checkpoint failed: ${result.sentence}`;
  count(context, result.ok ? "checkpoints_total" : "checkpoint_failures_total");
  const kind = result.ok ? "checkpoint" : "checkpoint-failed";
  const sentence = result.ok
    ? result.sentence
    : `${container.name}: the checkpoint failed: ${result.sentence}`;
  context.env.log.event({ kind, container: container.name, sentence });
  context.wake();
}

/** Complete generations that nothing needs: all before the named one but the last `retain` (safety.md 1.10). */
export function obsolete(
  stored: Manifest[],
  named: { epoch: number; gen: number },
  retain: number,
): Manifest[] {
  const order = (a: { epoch: number; gen: number }, b: { epoch: number; gen: number }) =>
    a.epoch - b.epoch || a.gen - b.gen;
  const older = stored.filter((manifest) => order(manifest, named) < 0).sort(order);
  return older.slice(0, Math.max(0, older.length - retain));
}
