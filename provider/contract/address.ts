import { BlockList, isIP } from "node:net";
import { z } from "zod";

export const ipSchema = z.string().refine((text) => isIP(text) !== 0, {
  error: (issue) => `expected an IP address, got ${JSON.stringify(issue.input)}`,
});

/** `10.77.0.0/24`. IPv6 parses as well; whether it is served is the caller's question. */
export const cidrSchema = z.string().refine((text) => parseCidr(text) !== null, {
  error: (issue) => `expected a subnet such as 10.77.0.0/24, got ${JSON.stringify(issue.input)}`,
});

export interface Cidr {
  network: string;
  prefix: number;
  family: "ipv4" | "ipv6";
}

export function parseCidr(text: string): Cidr | null {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text);
  const version = match ? isIP(match[1]!) : 0;
  const prefix = Number(match?.[2]);
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return null;
  return { network: match![1]!, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

export function contains(cidr: string, address: string): boolean {
  const subnet = parseCidr(cidr);
  const version = isIP(address);
  if (!subnet || version !== (subnet.family === "ipv4" ? 4 : 6)) return false;
  const list = new BlockList();
  list.addSubnet(subnet.network, subnet.prefix, subnet.family);
  return list.check(address, subnet.family);
}

/** `10.0.0.1:7379`, `[fd00::1]:7379`. */
export function hostPort(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
