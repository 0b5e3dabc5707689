import { ctlReplySchema, type HandoverRequest, parse } from "../../contract";
import { type Context, localOf } from "../context";

/** Asks the host that a container moves to; throws its refusal, or that it said nothing for `silenceMs`. */
export async function askTarget(
  context: Context,
  request: Omit<HandoverRequest, "op">,
  timeoutMs: number,
  silenceMs: number,
): Promise<void> {
  const { to } = localOf(context, request.name).move!;
  const answer = await context.env.net.ask(to, { op: "handover", ...request }, timeoutMs, silenceMs);
  const reply = parse(ctlReplySchema, answer, `the answer of ${to}`);
  if (!reply.ok) throw new Error(reply.message);
}
