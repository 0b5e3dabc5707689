/** A lab's network is a /24 written as its first three bytes, for example `10.77.3`. */
export type Subnet = string;

/** Subnets to try for a lab, in order: derived from its key, so that a lab usually has the same one each time. */
export function* subnetCandidates(key: string): Generator<Subnet> {
  const start = Number.parseInt(key, 16);
  for (let step = 0; step < 4096; step++) {
    // An odd stride visits every one of the 2^16 subnets before it repeats.
    const value = (start + step * 257) % 65536;
    yield `10.${value >> 8}.${value & 255}`;
  }
}

/** The first candidate that overlaps none of `taken` (destinations as in `ip route`: `10.0.0.0/8`, `10.1.2.3`). */
export function chooseSubnet(key: string, taken: string[]): Subnet {
  const ranges = taken.filter((route) => route !== "default").map(rangeOf);
  for (const candidate of subnetCandidates(key)) {
    const wanted = rangeOf(`${candidate}.0/24`);
    if (!ranges.some((range) => range.first <= wanted.last && wanted.first <= range.last)) return candidate;
  }
  throw new Error("no free 10.x.y.0/24 for the lab: all candidates overlap the machine's routes");
}

/** Address of the machine on the lab's network: the client's side of everything. */
export function machineAddress(subnet: Subnet): string {
  return `${subnet}.254`;
}

/** Address of the host with this index (from 1). Addresses from .100 to .199 are left to virtual IPs. */
export function hostAddress(subnet: Subnet, index: number): string {
  if (index < 1 || index > 80) throw new Error(`host index ${index}: a lab has 1 to 80 hosts`);
  return `${subnet}.${10 + index}`;
}

function rangeOf(route: string): { first: number; last: number } {
  const [address = "", length = "32"] = route.split("/");
  const first = address.split(".").reduce((value, byte) => value * 256 + Number(byte), 0);
  return { first, last: first + 2 ** (32 - Number(length)) - 1 };
}
