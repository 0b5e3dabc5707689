import { readFile } from "node:fs/promises";
import { isIPv6, SocketAddress } from "node:net";
import type { Connection } from "../../../contract";
import { probeAddress } from "./commands/ip";

/** TCP_ESTABLISHED of linux/tcp_states.h. */
const ESTABLISHED = "01";

/** The connections of a container with others, by its first process: without those to itself and to the agent's probes. */
export async function connectionsOf(pid: number): Promise<Connection[]> {
  // A kernel may have no IPv6.
  const tables = ["tcp", "tcp6"].map((name) =>
    readFile(`/proc/${pid}/net/${name}`, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" && name === "tcp6") return "";
      throw error;
    }),
  );
  return (await Promise.all(tables)).flatMap(parseConnections);
}

/** Reads /proc/PID/net/tcp or tcp6 (proc_net_tcp.rst of the kernel's documentation). */
export function parseConnections(table: string): Connection[] {
  return table.split("\n").flatMap((line) => {
    const [, local, remote, state] = line.trim().split(/\s+/);
    if (state !== ESTABLISHED) return [];
    const [from, to] = [endpoint(local), endpoint(remote)];
    if (!from || !to || isOwn(from.address) || isOwn(to.address)) return [];
    return [{ local: from.address, localPort: from.port, remote: to.address, remotePort: to.port }];
  });
}

/** `6400010A:18EB`: words of 32 bits as the processor has them, so that the first byte of each comes last. */
function endpoint(text: string | undefined): { address: string; port: number } | null {
  const match = /^((?:[0-9A-F]{8}|[0-9A-F]{32})):([0-9A-F]{4})$/.exec(text ?? "");
  if (!match) return null;
  const words = match[1]!.match(/.{8}/g)!.map((word) => Buffer.from(word, "hex").reverse());
  return { address: addressOf(Buffer.concat(words)), port: Number.parseInt(match[2]!, 16) };
}

/** IPv4 within IPv6 as IPv4. */
function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = bytes.toString("hex").match(/.{4}/g)!.join(":");
  const { address } = new SocketAddress({ address: groups, family: "ipv6" });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}

function isOwn(address: string): boolean {
  return isIPv6(address)
    ? address === "::1" || address.startsWith("fe80:")
    : address.startsWith("127.") || address === probeAddress;
}
