import { z } from "zod";
import type { Connection } from "../../../contract";
import { listSyns } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { run } from "./exec";

const LIST_TIMEOUT_MS = 2_000;

const port = z.int();
const elementSchema = z.object({
  elem: z.object({ val: z.object({ concat: z.tuple([z.string(), port, z.string(), port]) }) }),
});
const listingSchema = z.object({
  nftables: z.array(z.object({ set: z.object({ elem: z.array(elementSchema).default([]) }).optional() })),
});

/** Who asked these addresses for a connection a moment ago and met the closed gate, as it notes them. */
export async function readSyns(
  context: RuntimeContext,
  virtualIps: readonly string[],
): Promise<Connection[]> {
  try {
    return parseSyns(await run(listSyns, { timeoutMs: LIST_TIMEOUT_MS }), virtualIps);
  } catch (error) {
    const who = `who asked ${virtualIps.join(", ")} for a connection meanwhile`;
    context.log.warn(`${who} is not known and asks again by itself: ${(error as Error).message}`);
    return [];
  }
}

export function parseSyns(json: string, virtualIps: readonly string[]): Connection[] {
  const elements = listingSchema.parse(JSON.parse(json)).nftables.flatMap(({ set }) => set?.elem ?? []);
  return elements
    .map(({ elem }) => elem.val.concat)
    .filter(([local]) => virtualIps.includes(local))
    .map(([local, localPort, remote, remotePort]) => ({ local, localPort, remote, remotePort }));
}
