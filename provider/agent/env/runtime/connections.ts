import { isIPv6 } from "node:net";
import type { Connection } from "../../../contract";
import { probeAddress } from "./commands/ip";

/** Reads `ss`: the container's connections with others, without those to itself and to the agent's probes. */
export function parseConnections(output: string): Connection[] {
  return output.split("\n").flatMap((line) => {
    const [, , local, remote] = line.trim().split(/\s+/);
    const [from, to] = [endpoint(local), endpoint(remote)];
    if (!from || !to || isOwn(from.address) || isOwn(to.address)) return [];
    return [{ local: from.address, localPort: from.port, remote: to.address, remotePort: to.port }];
  });
}

/** `10.0.0.1:80`, `[2001:db8::1]:80`, `[::ffff:10.0.0.1]:80`, `10.0.0.1%eth0:80`. */
function endpoint(text: string | undefined): { address: string; port: number } | null {
  const match = /^\[?([^\]%]+)(?:%[^\]:]+)?\]?:(\d+)$/.exec(text ?? "");
  if (!match) return null;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(match[1]!);
  return { address: mapped?.[1] ?? match[1]!, port: Number(match[2]) };
}

function isOwn(address: string): boolean {
  return isIPv6(address)
    ? address === "::1" || address.startsWith("fe80:")
    : address.startsWith("127.") || address === probeAddress;
}
