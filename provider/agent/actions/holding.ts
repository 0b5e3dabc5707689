import { type Context, count, generationKey, localOf, type Subject, track, unlessEnded } from "../context";
import { holdersTxn } from "../ownership";
import { settle } from "../settle";
import { refreshStoredOf } from "../stored";
import { usableGeneration } from "../view";
import { fetchIntact, freshView, TRANSFER_LIMIT_MS } from "./generations";
import { withLimit } from "./limit";

/** A read that fails may be the system's trouble of a moment: files are damaged when they are twice, so far apart. */
const SECOND_LOOK_MS = 1000;
/** After a fetch that failed, or a damage that could not be told, the next attempt waits this long. */
const PAUSE_MS = 15_000;
const POLL_MS = 50;

/**
 * Hashes this host's files of the named generation. Where they are gone or damaged, this host stops being one of its
 * holders, unless it is the only one, and deletes them (safety.md 1.10). Goes on in the background.
 */
export async function scrub(context: Context, subject: Subject, because: string): Promise<string> {
  const { container } = subject;
  return inBackground(context, subject, () => check(context, subject), {
    sentence: `${container.name}: hashes its generation here: ${because}`,
    failed: "its generation here was not hashed",
  });
}

/** Gets the named generation from another holder and becomes one. Goes on in the background. */
export async function fetchNamed(context: Context, subject: Subject, because: string): Promise<string> {
  const { container } = subject;
  return inBackground(context, subject, () => fetchAndHold(context, subject), {
    sentence: `${container.name}: fetches its generation: ${because}`,
    failed: `its generation was not fetched to ${context.me.host}`,
  });
}

/** The same at a request; resolves when this host holds it, or rejects with what kept it from that. */
export async function holdNamed(context: Context, name: string): Promise<void> {
  const { clock } = context.env;
  const local = localOf(context, name);
  const deadline = clock.now() + TRANSFER_LIMIT_MS;
  while (local.tending) {
    if (clock.now() > deadline) throw new Error(`${context.me.host} is busy with its generation of ${name}`);
    await clock.sleep(POLL_MS, context.signal);
    context.signal.throwIfAborted();
  }
  const container = (await freshView(context)).containers.get(name);
  if (!container || !usableGeneration(container)) throw new Error(`${name} has no generation`);
  if (container.generation!.value.holders.includes(context.me.host)) return;
  local.tending = true;
  const fetching = fetchAndHold(context, { container, local }).finally(() => {
    local.tending = false;
    context.wake();
  });
  track(context, fetching);
  await fetching;
}

function inBackground(
  context: Context,
  { container, local }: Subject,
  work: () => Promise<void>,
  { sentence, failed }: { sentence: string; failed: string },
): string {
  local.tending = true;
  const done = work()
    .catch((error: Error) => {
      if (context.signal.aborted) return;
      local.noTendingBefore = context.env.clock.now() + PAUSE_MS;
      context.env.log.warn(`${container.name}: ${failed}: ${error.message}`);
    })
    .finally(() => {
      local.tending = false;
      context.wake();
    });
  track(context, done);
  return sentence;
}

async function check(context: Context, subject: Subject): Promise<void> {
  const { container, local } = subject;
  const { env, me } = context;
  const named = container.generation!.value;
  const key = generationKey(named);
  const fault = await faultOf(context, subject);
  if (fault === null) {
    local.damaged = null;
    local.checked = { key, at: env.clock.now() };
    count(context, "scrubs_total");
    return refreshStoredOf(context, container.name);
  }
  const others = named.holders.filter((host) => host !== me.host);
  const told = local.damaged === key;
  local.damaged = key;
  local.noTendingBefore = env.clock.now() + PAUSE_MS;
  if (others.length === 0 && told) return;
  const { committed } =
    others.length > 0
      ? await settle(env, holdersTxn(me, container, others), context.signal)
      : { committed: false };
  if (others.length > 0 && !committed) return;
  count(context, "rotten_generations_total");
  const next = committed
    ? `${me.host} is no holder of it any more, ${others.join(", ")} still`
    : "no other host holds it";
  env.log.event({
    kind: "generation-rotten",
    container: container.name,
    sentence: `${container.name}: generation ${key} on ${me.host} is gone or damaged (${fault}); ${next}`,
  });
  if (!committed) return;
  await env.disk.remove({ container: container.name, epoch: named.epoch, gen: named.gen });
  local.damaged = null;
  local.noTendingBefore = 0;
  await refreshStoredOf(context, container.name);
}

/** What is wrong with the files of the named generation here, in two looks; null: nothing. */
async function faultOf({ env, signal }: Context, { container }: Subject): Promise<string | null> {
  const { epoch, gen, manifestSha } = container.generation!.value;
  const look = () =>
    env.disk.verify({ container: container.name, epoch, gen }, manifestSha).then(
      () => null,
      (error: Error) => error.message,
    );
  if ((await look()) === null) return null;
  await env.clock.sleep(SECOND_LOOK_MS, signal);
  return look();
}

async function fetchAndHold(context: Context, { container, local }: Subject): Promise<void> {
  const { env, me } = context;
  const named = container.generation!.value;
  const here = await env.disk
    .verify({ container: container.name, epoch: named.epoch, gen: named.gen }, named.manifestSha)
    .catch(() => null);
  if (!here) {
    const fetched = unlessEnded(context, fetchIntact(context, container));
    await withLimit(context, fetched, TRANSFER_LIMIT_MS, "fetching it");
  }
  await refreshStoredOf(context, container.name);
  const holders = [...named.holders, me.host];
  const { committed } = await settle(env, holdersTxn(me, container, holders), context.signal);
  // What was named meanwhile came here with its commit, or is fetched next.
  if (!committed) return;
  const key = generationKey(named);
  local.damaged = null;
  local.checked = { key, at: env.clock.now() };
  count(context, "fetches_total");
  env.log.event({
    kind: "replicated",
    container: container.name,
    sentence: `${container.name}: ${me.host} holds generation ${key} now, as do ${named.holders.join(", ")}`,
  });
}
