import { createHash, createHmac } from "node:crypto";

/** What is known in advance about the key of one host. */
export interface PinnedKey {
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  fingerprint: string;
  /** Key type such as `ssh-ed25519`; unknown when only a fingerprint was given. */
  type?: string;
}

export interface SeenKey {
  fingerprint: string;
  type: string;
  /** `ssh-ed25519 AAAA...`, to be used as `hostKey`. */
  line: string;
}

/**
 * Reads a `hostKey` text: one key per line, each a public key (`ssh-ed25519 AAAA...`), a fingerprint (`SHA256:...`) or a
 * known_hosts line, of which only those for this host and port count. Throws an Error that says what is wrong.
 */
export function parseHostKeys(text: string, address: { host: string; port: number }): PinnedKey[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0)
    throw new Error("is empty; give the host's public key, e.g. the output of `ssh-keyscan HOST`");
  const pins = lines.flatMap((line) => parseLine(line, address));
  if (pins.length === 0) {
    throw new Error(`has known_hosts lines, but none for ${knownHostsName(address)}`);
  }
  return pins;
}

export function describeKey(blob: Buffer): SeenKey {
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("ascii");
  return { fingerprint: fingerprintOf(blob), type, line: `${type} ${blob.toString("base64")}` };
}

/** Host key algorithms to offer, those of the pinned keys first, so that the host shows a key that is known. */
export function hostKeyAlgorithms(pins: readonly PinnedKey[], all: readonly string[]): string[] {
  const pinned = pins.flatMap((pin) =>
    pin.type === "ssh-rsa" ? RSA_ALGORITHMS : pin.type ? [pin.type] : [],
  );
  const known = all.filter((algorithm) => pinned.includes(algorithm));
  return [...known, ...all.filter((algorithm) => !known.includes(algorithm))];
}

const RSA_ALGORITHMS = ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"];
const KEY_TYPE = /^(ssh-|ecdsa-sha2-|sk-)[\w@.-]+$/;
const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}=?$/;

function parseLine(line: string, address: { host: string; port: number }): PinnedKey[] {
  const words = line.split(/\s+/);
  const [first = "", second, third] = words;
  if (FINGERPRINT.test(first)) return [{ fingerprint: first.replace(/=$/, "") }];
  if (first.startsWith("@"))
    throw new Error(`has a line with the marker ${first}, which is not supported; give plain keys`);
  if (KEY_TYPE.test(first) && second) return [pinFrom(first, second)];
  if (second && KEY_TYPE.test(second) && third)
    return namesHost(first, address) ? [pinFrom(second, third)] : [];
  throw new Error(
    "has a line that is neither a public key (`ssh-ed25519 AAAA...`) nor a fingerprint (`SHA256:...`) nor a known_hosts line",
  );
}

function pinFrom(type: string, base64: string): PinnedKey {
  const blob = Buffer.from(base64, "base64");
  const length = blob.length > 4 ? blob.readUInt32BE(0) : 0;
  if (length !== type.length || blob.subarray(4, 4 + length).toString("ascii") !== type) {
    throw new Error(`has a ${type} key whose base64 text is cut off or not of this type`);
  }
  return { type, fingerprint: fingerprintOf(blob) };
}

function namesHost(patterns: string, address: { host: string; port: number }): boolean {
  const name = knownHostsName(address);
  return patterns.split(",").some((pattern) => {
    const [, hashed, salt, digest] = pattern.split("|");
    if (hashed !== "1" || salt === undefined) return pattern.toLowerCase() === name;
    return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === digest;
  });
}

function knownHostsName({ host, port }: { host: string; port: number }): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
