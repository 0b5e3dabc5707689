import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { parseKeys } from "./packet";

/** What this host proves itself with and trusts; secret. */
export interface Identity {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
  /** The three, read once: each connection would parse them again. */
  context: SecureContext;
  /** Of the UDP heartbeats. */
  heartbeatKeys: Buffer[];
}

/** Paths of the PEM files and of the heartbeat keys. */
export interface IdentityPaths {
  ca: string;
  cert: string;
  key: string;
  heartbeatKeys: string;
}

/** Throws where a file is missing or not what it should be. */
export async function readIdentity(paths: IdentityPaths): Promise<Identity> {
  const [ca, cert, key, keys] = await Promise.all([
    readFile(paths.ca),
    readFile(paths.cert),
    readFile(paths.key),
    readFile(paths.heartbeatKeys, "utf8"),
  ]);
  const context = createSecureContext({ ca, cert, key, minVersion: "TLSv1.3" });
  return { ca, cert, key, context, heartbeatKeys: parseKeys(keys) };
}
