import { isIPv4 } from "node:net";
import type { CopyRequest } from "../../env";
import { ip } from "./commands/ip";
import { gratuitousArp, inNetns, ipBatch } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { needPid, needRecord, pidOf } from "./copies";
import { run } from "./exec";
import { lines } from "./wiring";

/** The first announcement may be lost where a switch port just came up. */
const REPEAT_AFTER_MS = [120, 600];

/**
 * The network learns the way by gratuitous ARP, sent with the host's own program from the container's namespace, and
 * the host's own clients get their route. Resolves after the first announcement; it is repeated twice.
 */
export async function announce(context: RuntimeContext, { spec, mac }: CopyRequest): Promise<void> {
  const record = needRecord(spec.name);
  const pid = needPid(context, record);
  const route = ip.routeLocally({ network: context.network(), mac, virtualIps: spec.virtualIps });
  await Promise.all([sendArp(pid, spec.virtualIps), run(ipBatch, { input: lines(route) })]);
  context.announced.add(spec.name);
  for (const delay of REPEAT_AFTER_MS) {
    setTimeout(() => {
      // safety: after its death the number may be a process of the host, which must not claim the address.
      if (pidOf(context, record) === pid) void sendArp(pid, spec.virtualIps).catch(() => undefined);
    }, delay).unref();
  }
}

async function sendArp(pid: number, virtualIps: readonly string[]): Promise<void> {
  const addresses = virtualIps.filter((address) => isIPv4(address));
  await Promise.all(
    addresses.map((address) => run(inNetns(pid, gratuitousArp(address)), { timeoutMs: 3_000 })),
  );
}
