import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { issueAuthority, issueLeaf, type KeyPair, keyPairSchema } from "./issue";

/** DNS name that every etcd certificate carries, so that clients need not know by which address they came. */
export const ETCD_SERVER_NAME = "etcd.container-ha";

/** The group's keys: a secret of the state. */
export const trustSchema = z.object({
  /** The first one signs; all of them are trusted. */
  authorities: z.array(keyPairSchema).min(1),
  /** Certificates of authorities whose keys were lost with a killed run, but which hosts may still rely on. */
  adopted: z.array(z.string()).default([]),
  /** Host name -> its certificate. */
  hosts: z.record(z.string(), keyPairSchema),
  /** The `certificateRotation` that these keys were made for. */
  rotation: z.number(),
});
export type Trust = z.infer<typeof trustSchema>;

export interface TrustRequest {
  group: string;
  hosts: readonly { name: string; address: string }[];
  rotation: number;
}

/**
 * The keys as they should be: what is still good of `before` is kept. A raised `rotation` puts a new authority in
 * front and gives every host a new certificate; the authority before it stays trusted until the next rotation, so that
 * hosts with old and new certificates go on talking to each other meanwhile.
 */
export function ensureTrust(request: TrustRequest, before: Trust | undefined): Trust {
  const current = before?.authorities[0];
  const keep =
    current && before.rotation === request.rotation && daysLeft(current.cert) > AUTHORITY_RENEW_DAYS;
  const signer = keep ? current : issueAuthority(request.group);
  const trustedBefore = keep ? before.authorities.slice(1) : current ? [current] : [];
  const authorities = [signer, ...trustedBefore.filter((authority) => daysLeft(authority.cert) > 0)];
  const hosts = request.hosts.map((host) => {
    const found = before?.hosts[host.name];
    const good = found && isGood({ leaf: found, signer, address: host.address });
    return [host.name, good ? found : hostCertificate(signer, host)] as const;
  });
  const adopted = keep ? before.adopted : [];
  return { authorities, adopted, hosts: Object.fromEntries(hosts), rotation: request.rotation };
}

/** The same with new certificates for these hosts: for machines that took the place of others. */
export function renewCertificates(trust: Trust, hosts: readonly { name: string; address: string }[]): Trust {
  const renewed = hosts.map((host) => [host.name, hostCertificate(trust.authorities[0]!, host)] as const);
  return { ...trust, hosts: { ...trust.hosts, ...Object.fromEntries(renewed) } };
}

/** What a host accepts. */
export function bundleOf(trust: Pick<Trust, "authorities" | "adopted">): string {
  const certs = [...trust.authorities.map((authority) => authority.cert.trim()), ...trust.adopted];
  return `${[...new Set(certs)].filter((cert) => daysLeft(cert) > 0).join("\n")}\n`;
}

/** The certificates in a bundle, one PEM text each. */
export function splitBundle(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

/** A certificate of etcd's root user for one operation: made when needed, never stored. */
export function issueAdmin(trust: Trust): KeyPair {
  return issueLeaf({ authority: trust.authorities[0]!, commonName: "root", validDays: ADMIN_DAYS });
}

/** ISO 8601. */
export function expiryOf(cert: string): string {
  return new Date(new X509Certificate(cert).validTo).toISOString();
}

export function daysLeft(cert: string): number {
  return (Date.parse(new X509Certificate(cert).validTo) - Date.now()) / 86_400_000;
}

/** Below this a host's certificate is renewed by the next `up`, and the plan shows that. */
export const LEAF_RENEW_DAYS = 120;
const LEAF_DAYS = 365;
const ADMIN_DAYS = 0.1;
/** A signer must outlive what it signs. */
const AUTHORITY_RENEW_DAYS = LEAF_DAYS + 30;

function isGood(o: { leaf: KeyPair; signer: KeyPair; address: string }): boolean {
  const leaf = new X509Certificate(o.leaf.cert);
  const signed = leaf.verify(new X509Certificate(o.signer.cert).publicKey);
  return signed && leaf.checkIP(o.address) !== undefined && daysLeft(o.leaf.cert) > LEAF_RENEW_DAYS;
}

function hostCertificate(authority: KeyPair, host: { name: string; address: string }): KeyPair {
  return issueLeaf({
    authority,
    commonName: host.name,
    addresses: [host.address],
    dnsNames: [ETCD_SERVER_NAME],
    validDays: LEAF_DAYS,
  });
}
