import { type MovePhases, realMac } from "../../contract";
import { type Context, enter, type Subject } from "../context";
import type { GenerationRef } from "../env";
import { isLiveMember } from "../input";
import { askTarget } from "./ask-target";
import { unlessSuspected, withLimit } from "./limit";

/** From the closing of the gate until the target holds the copy. */
const MOVE_LIMIT_MS = 10_000;
const CLOSE_LIMIT_MS = 2_000;
/** From the freeze until the gate is closed. */
const LAST_WORDS_MS = 10;
/** While nobody serves, a target that is suspected is given up at once, and one that says nothing after this time. */
const SILENCE_MS = 1_000;

export type MemoryPhases = Omit<MovePhases, "switchMs" | "totalMs">;

/** M2 and M3: ends when the target holds the copy before its next instruction. */
export async function moveMemory(
  context: Context,
  { container, local }: Subject,
  reference: GenerationRef,
): Promise<MemoryPhases> {
  const { env, me } = context;
  const { name } = container;
  const { id, to } = container.migration!.value;
  const folder = await env.disk.begin(reference);
  let startedAt = env.clock.now();
  let closedAt = startedAt;
  const stop = async () => {
    // A lapse meanwhile has frozen it and closed its gate for another reason.
    if (local.standing !== "RUNNING" || local.state !== "running")
      throw new Error(`it ceased to serve on ${me.host} before it was frozen`);
    startedAt = env.clock.now();
    enter(context, name, local, "HANDOVER");
    local.state = "frozen";
    // In this order: what a client sent until the gate closed is acknowledged and moves with the copy. What comes later
    // is said again only after its retransmission timeout, so that who asks again upon the last reply may still do so.
    await env.runtime.freeze(name, "handover");
    await env.clock.sleep(LAST_WORDS_MS, context.signal);
    local.joined = false;
    await withLimit(context, env.gate.leave(realMac(me.group, name)), CLOSE_LIMIT_MS, "closing the gate");
    closedAt = env.clock.now();
  };
  const dumped = env.runtime.dump({ container: name, folder, stop });
  const marks = { dumped: startedAt, sent: startedAt };
  const held = askTarget(
    context,
    { name, id, step: { do: "restore", epoch: reference.epoch, gen: reference.gen } },
    MOVE_LIMIT_MS,
    SILENCE_MS,
  );
  const sent = env.net.sendImages(to, reference, { folder, dumped });
  const note = (mark: keyof typeof marks) => () => {
    marks[mark] = env.clock.now();
  };
  try {
    const all = [dumped.then(note("dumped")), sent.then(note("sent")), held];
    const moved = withLimit(context, Promise.all(all), MOVE_LIMIT_MS, `moving it to ${to}`);
    await unlessSuspected(context, to, moved);
  } catch (error) {
    // The runtime does one thing at a time with a container, and the next is to let it go on.
    await dumped.catch(() => {});
    throw error;
  }
  if (!isLiveMember(context, to)) throw new Error(`${to} does not renew its lease any more`);
  return {
    freezeMs: closedAt - startedAt,
    dumpMs: marks.dumped - closedAt,
    transferMs: Math.max(0, marks.sent - marks.dumped),
    restoreMs: env.clock.now() - Math.max(marks.sent, marks.dumped),
  };
}
