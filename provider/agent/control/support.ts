import type { CtlReply } from "../../contract";
import type { Context } from "../context";
import { settle } from "../settle";
import type { GroupView } from "../view";

export const POLL_MS = 100;
/** Longer than an election; a store that is silent for longer has no quorum. */
const STORE_LIMIT_MS = 2_000;

/** The user's mistake, or what cannot be done now, with its reason. */
export class Refusal extends Error {
  constructor(
    readonly code: Extract<CtlReply, { ok: false }>["code"],
    message: string,
  ) {
    super(message);
  }
}

export async function freshView(context: Context): Promise<GroupView> {
  const deadline = context.env.clock.now() + STORE_LIMIT_MS;
  for (;;) {
    try {
      return context.readView(await context.env.store.read());
    } catch (error) {
      if (context.env.clock.now() >= deadline)
        throw new Refusal("no-quorum", `the store does not answer: ${(error as Error).message}`);
      await context.env.clock.sleep(POLL_MS, context.signal);
    }
  }
}

export async function write(
  context: Context,
  {
    key,
    rev,
    text,
    value,
    what,
  }: { key: string; rev: number; text: string | undefined; value: string; what: string },
): Promise<void> {
  if (text === value) return;
  const txn = { compares: [{ key, modRevision: rev }], writes: [{ put: key, value }] };
  const { committed } = await settle(context.env, txn, context.signal);
  if (!committed) throw new Refusal("conflict", `${what} was changed by somebody else meanwhile; try again`);
  context.wake();
}
