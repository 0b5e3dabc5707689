import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Connection } from "../../../contract";
import { type DumpResult, type Runtime, Undumpable } from "../../env";
import { cgroupOf, processesIn, readEvents } from "./cgroup";
import { inNetns, nftBatch, nftTables } from "./commands/netns";
import { runc } from "./commands/runc";
import { tar } from "./commands/tar";
import { connectionsOf } from "./connections";
import type { RuntimeContext } from "./context";
import { needRecord, runcState } from "./copies";
import { criuConfig } from "./criu-config";
import { makeCriuGate, passCriu, refuseCriu, untilCriuWaits } from "./criu-gate";
import { criuLimitMs } from "./criu-limit";
import { criuReason, criuSentence } from "./criu-log";
import { failure, run, tryRun } from "./exec";
import { generationPlaces, placesOf } from "./places";
import { readIfThere } from "./read-if-there";
import type { CopyRecord } from "./record";

const DEATH_LOOK_MS = 50;

/** Memory and writable layer of one instant: both are read while the same freeze lasts, which begins as late as it can. */
export async function dump(
  context: RuntimeContext,
  { container, folder, stop }: Parameters<Runtime["dump"]>[0],
): Promise<DumpResult> {
  const record = needRecord(container);
  await context.jobs.of(container)?.over;
  const state = runcState(context, record);
  if (!state) throw new Error(`${container} cannot be checkpointed on ${context.host}: it does not run here`);
  const places = placesOf(container);
  const { images, layer } = generationPlaces(folder);
  rmSync(places.work, { recursive: true, force: true });
  mkdirSync(places.work, { mode: 0o700 });
  mkdirSync(images, { recursive: true, mode: 0o700 });
  await makeCriuGate(places.criuConf);

  // One that takes longer is ended, and with it what CRIU has put into the container: it may not survive that, but frozen
  // for ever it would be as dead.
  const timeoutMs = criuLimitMs(residentBytes(record));
  const checkpoint = runc.checkpoint({ root: state.root, id: record.id, images, work: places.work });
  let over = false;
  let frozenAt = 0;
  context.dumping.add(container);
  const { signal, unwatch } = watchForDeath(record);
  const dumping = run(checkpoint, { timeoutMs, withChildren: true, signal }).finally(() => {
    over = true;
  });
  dumping.catch(() => {});
  let giveBack = async () => {};
  let connections: Connection[];
  try {
    const gate = await untilCriuWaits(places.criuConf, () => over);
    try {
      if (gate) await stop?.();
      frozenAt = performance.now();
      await context.freezer.freeze(container, "dump");
      giveBack = context.freezer.lend(container);
    } catch (error) {
      if (gate) await refuseCriu(gate);
      await dumping.catch(() => {});
      throw error;
    }
    const [dumped, packed, listed] = await Promise.allSettled([
      Promise.all([dumping, gate && passCriu(gate, criuConfig({ kind: "dump" }))]),
      pack({ folder: record.layer, file: layer }, { timeoutMs, signal }),
      connectionsOf(state.pid),
    ]);
    if (dumped.status === "rejected") {
      await unlockNetwork(state.pid);
      throw dumpFailure({ container, host: context.host, work: places.work, error: dumped.reason as Error });
    }
    if (packed.status === "rejected") throw packed.reason;
    if (listed.status === "rejected") throw listed.reason;
    connections = listed.value;
  } catch (error) {
    if (signal.aborted || hasEnded(record))
      throw new Error(`${container} ended on ${context.host} while it was dumped`);
    throw error;
  } finally {
    unwatch();
    context.dumping.delete(container);
    await context.freezer.thaw(container, "dump");
    await giveBack();
  }
  return { frozenMs: performance.now() - frozenAt, connections };
}

/** A dump of what has died leads to nothing, and the new incarnation must not wait for its end. */
function watchForDeath(record: CopyRecord): { signal: AbortSignal; unwatch(): void } {
  const died = new AbortController();
  const timer = setInterval(() => {
    if (hasEnded(record)) died.abort();
  }, DEATH_LOOK_MS);
  return { signal: died.signal, unwatch: () => clearInterval(timer) };
}

function hasEnded({ engine, id }: CopyRecord): boolean {
  const cgroup = cgroupOf(engine, id);
  return cgroup === null || !readEvents(cgroup)?.populated;
}

/** What its processes have in memory. */
function residentBytes({ engine, id }: CopyRecord): number {
  const cgroup = cgroupOf(engine, id);
  if (!cgroup) return 0;
  return processesIn(cgroup).reduce((sum, pid) => sum + residentBytesOf(pid), 0);
}

function residentBytesOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

const PAGE_BYTES = 4096;

async function pack(
  o: { folder: string; file: string },
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  // Its name says that it is complete.
  const part = `${o.file}.part`;
  const argv = tar.pack({ ...o, file: part });
  const result = await tryRun(argv, limits);
  if (!tar.isPacked(result)) throw failure(argv, result);
  renameSync(part, o.file);
}

const tablesSchema = z.object({
  nftables: z.array(z.object({ table: z.object({ family: z.string(), name: z.string() }).optional() })),
});

/** CRIU locks the network with a table of its own, which stays, and keeps it locked, when CRIU itself was killed. */
export async function unlockNetwork(pid: number): Promise<void> {
  const listed = tablesSchema.parse(JSON.parse(await run(inNetns(pid, nftTables))));
  const locks = listed.nftables.flatMap(({ table }) => (table?.name.startsWith("CRIU-") ? [table] : []));
  if (locks.length === 0) return;
  const input = locks.map(({ family, name }) => `delete table ${family} ${name}\n`).join("");
  await run(inNetns(pid, nftBatch), { input });
}

function dumpFailure(o: { container: string; host: string; work: string; error: Error }): Error {
  const log = join(o.work, "dump.log");
  const reason = criuReason(readIfThere(log) ?? "");
  const words = reason.said.length > 0 ? criuSentence(reason) : o.error.message;
  const sentence = `${o.container} could not be checkpointed on ${o.host}: ${words}`;
  if (reason.meaning === null) return new Error(sentence, { cause: o.error });
  return new Undumpable(sentence, { mayPass: !reason.lasting, cause: o.error });
}
