import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Connection } from "../../../contract";
import { type DumpResult, type Runtime, Undumpable } from "../../env";
import { establishedConnections, inNetns, nftBatch, nftTables } from "./commands/netns";
import { runc } from "./commands/runc";
import { tar } from "./commands/tar";
import { parseConnections } from "./connections";
import type { RuntimeContext } from "./context";
import { needRecord, runcState } from "./copies";
import { criuConfig } from "./criu-config";
import { makeCriuGate, passCriu, refuseCriu, untilCriuWaits } from "./criu-gate";
import { criuReason, criuSentence } from "./criu-log";
import { failure, run, tryRun } from "./exec";
import { freeze, thaw } from "./freezer";
import { generationPlaces, placesOf } from "./places";

const DUMP_TIMEOUT_MS = 120_000;

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

  const checkpoint = runc.checkpoint({ root: state.root, id: record.id, images, work: places.work });
  let over = false;
  let frozenAt = 0;
  context.dumping.add(container);
  const dumping = run(checkpoint, { timeoutMs: DUMP_TIMEOUT_MS }).finally(() => {
    over = true;
  });
  dumping.catch(() => {});
  let connections: Connection[];
  try {
    const gate = await untilCriuWaits(places.criuConf, () => over);
    try {
      if (gate) await stop?.();
      frozenAt = performance.now();
      await freeze(context, container, "dump");
    } catch (error) {
      if (gate) await refuseCriu(gate);
      await dumping.catch(() => {});
      throw error;
    }
    const [dumped, packed, listed] = await Promise.allSettled([
      Promise.all([dumping, gate && passCriu(gate, criuConfig({ kind: "dump" }))]),
      pack({ folder: record.layer, file: layer }),
      run(inNetns(state.pid, establishedConnections)),
    ]);
    if (dumped.status === "rejected") {
      await unlockNetwork(state.pid);
      throw dumpFailure({ container, host: context.host, work: places.work, error: dumped.reason as Error });
    }
    if (packed.status === "rejected") throw packed.reason;
    if (listed.status === "rejected") throw listed.reason;
    connections = parseConnections(listed.value);
  } finally {
    await thaw(container, "dump");
    context.dumping.delete(container);
  }
  return { frozenMs: performance.now() - frozenAt, connections };
}

async function pack(o: { folder: string; file: string }): Promise<void> {
  // Its name says that it is complete.
  const part = `${o.file}.part`;
  const argv = tar.pack({ ...o, file: part });
  const result = await tryRun(argv, { timeoutMs: DUMP_TIMEOUT_MS });
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
  const reason = existsSync(log) ? criuReason(readFileSync(log, "utf8")) : criuReason("");
  const words = reason.said.length > 0 ? criuSentence(reason) : o.error.message;
  const sentence = `${o.container} could not be checkpointed on ${o.host}: ${words}`;
  if (reason.meaning === null) return new Error(sentence, { cause: o.error });
  return new Undumpable(sentence, { mayPass: !reason.lasting, cause: o.error });
}
