import { ip } from "./commands/ip";
import { inNetns, ipBatch } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { noteMac } from "./copies";
import { run } from "./exec";
import type { CopyRecord } from "./record";

/**
 * Gives a living copy its MAC and its neighbours on this host. Works while it is held, frozen or running; addresses,
 * routes and connections stay, since a macvlan changes its address while it is up.
 */
export function wire(context: RuntimeContext, wiring: Wiring): Promise<void> {
  return context.wirings(wiring.record.container, () => wireAlone(context, wiring));
}

export interface Wiring {
  record: CopyRecord;
  pid: number;
  mac: string;
}

/** For who has his turn in `wirings`. */
export async function wireAlone(context: RuntimeContext, { record, pid, mac }: Wiring): Promise<void> {
  const network = context.network();
  const { virtualIps } = record;
  const inside = ip.wire({ network, mac, virtualIps });
  await Promise.all([
    run(inNetns(pid, ipBatch), { input: lines(inside) }),
    run(ipBatch, { input: lines(ip.wireProbe({ mac, virtualIps })) }),
  ]);
  noteMac(record.container, mac);
}

export function lines(batch: readonly string[]): string {
  return batch.map((line) => `${line}\n`).join("");
}
