import { isIPv4 } from "node:net";

/** The 4 or 16 bytes of an IP address. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = withoutEmbeddedIPv4(address).split("::");
  const front = groups(head);
  const back = groups(tail ?? "");
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  const all = tail === undefined ? front : [...front, ...zeros, ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

/** `::ffff:10.0.0.1` -> `::ffff:a00:1` */
function withoutEmbeddedIPv4(address: string): string {
  const found = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (!found) return address;
  const [a, b, c, d] = found.slice(1).map(Number) as [number, number, number, number];
  return (
    address.slice(0, found.index) + [(a << 8) | b, (c << 8) | d].map((group) => group.toString(16)).join(":")
  );
}
