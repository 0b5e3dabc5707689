import { gateSyns, gateTable } from "../../../../contract";

/** Runs a program of the host in the network namespace of a process. */
export function inNetns(pid: number, argv: readonly string[]): string[] {
  if (!Number.isInteger(pid) || pid <= 1) throw new Error(`${pid} is not the first process of a container`);
  return ["nsenter", `--net=/proc/${pid}/ns/net`, ...argv];
}

/** Lines of a batch come on standard input and are run in order. */
export const ipBatch = ["ip", "-batch", "-"];

/** One gratuitous ARP reply: the address is here. */
export function gratuitousArp(address: string): string[] {
  return ["arping", "-q", "-A", "-c", "1", "-I", "eth0", address];
}

/** Sends each 20 bytes of standard input as one TCP segment of its own; `family` 4 or 6. */
export function sendSegments({ from, to, family }: { from: string; to: string; family: 4 | 6 }): string[] {
  const target = family === 4 ? `IP4-SENDTO:${to}:6,bind=${from}` : `IP6-SENDTO:[${to}]:6,bind=[${from}]`;
  return ["socat", "-u", "-b", "20", "STDIN", target];
}

/** On the host: who asked for a connection while the gate was closed. */
export const listSyns = ["nft", "-j", "list", "set", "netdev", gateTable, gateSyns];

export const nftTables = ["nft", "-j", "list", "tables"];
export const nftBatch = ["nft", "-f", "-"];
