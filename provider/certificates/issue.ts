import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { z } from "zod";
import { addressBytes } from "./address-bytes";
import * as der from "./der";

/** A certificate and its private key, PEM. */
export const keyPairSchema = z.object({ cert: z.string(), key: z.string() });
export type KeyPair = z.infer<typeof keyPairSchema>;

/** A self-signed authority of a group, valid for 10 years. */
export function issueAuthority(group: string): KeyPair {
  const keys = newKeys();
  const serial = newSerial();
  // The serial keeps the names of two authorities of one group apart: verifiers look issuers up by name.
  const name = `container-ha ${group} ${serial.toString("hex")}`;
  const cert = certificate({
    serial,
    issuer: name,
    subject: name,
    validDays: AUTHORITY_DAYS,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      extension(OID.basicConstraints, der.sequence(der.boolean(true), der.integer(Buffer.from([0]))), true),
      extension(OID.keyUsage, der.bits(Buffer.from([KEY_CERT_SIGN | CRL_SIGN]), 1), true),
      extension(OID.subjectKeyIdentifier, der.octets(keyIdentifier(keys.publicKey))),
    ],
  });
  return { cert, key: privatePem(keys.privateKey) };
}

export interface LeafRequest {
  authority: KeyPair;
  commonName: string;
  /** Addresses and names it may be reached by; none for a certificate that only a client shows. */
  addresses?: readonly string[];
  dnsNames?: readonly string[];
  validDays: number;
}

/** A certificate for both directions of mutual TLS; its common name is the etcd user. */
export function issueLeaf(request: LeafRequest): KeyPair {
  const keys = newKeys();
  const issuer = new X509Certificate(request.authority.cert);
  const names = [
    ...(request.addresses ?? []).map((address) => der.implicit(SAN_IP, addressBytes(address))),
    ...(request.dnsNames ?? []).map((name) => der.implicit(SAN_DNS, der.ascii(name))),
  ];
  const cert = certificate({
    serial: newSerial(),
    issuer: issuer.subject.replace(/^CN=/, ""),
    subject: request.commonName,
    validDays: request.validDays,
    publicKey: keys.publicKey,
    signingKey: createPrivateKey(request.authority.key),
    extensions: [
      extension(OID.basicConstraints, der.sequence(), true),
      extension(OID.keyUsage, der.bits(Buffer.from([DIGITAL_SIGNATURE]), 7), true),
      extension(OID.extendedKeyUsage, der.sequence(der.oid(OID.serverAuth), der.oid(OID.clientAuth))),
      extension(OID.authorityKeyIdentifier, der.sequence(der.implicit(0, keyIdentifier(issuer.publicKey)))),
      ...(names.length > 0 ? [extension(OID.subjectAltName, der.sequence(...names))] : []),
    ],
  });
  return { cert, key: privatePem(keys.privateKey) };
}

const AUTHORITY_DAYS = 3650;
const DAY_MS = 86_400_000;
/** Clocks of hosts may be behind the operator's. */
const BACKDATED_MS = DAY_MS;

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;
const SAN_DNS = 2;
const SAN_IP = 7;

function certificate(o: {
  serial: Buffer;
  issuer: string;
  subject: string;
  validDays: number;
  publicKey: KeyObject;
  signingKey: KeyObject;
  extensions: Buffer[];
}): string {
  const now = Date.now();
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256));
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(o.serial),
    algorithm,
    distinguishedName(o.issuer),
    der.sequence(der.time(new Date(now - BACKDATED_MS)), der.time(new Date(now + o.validDays * DAY_MS))),
    distinguishedName(o.subject),
    o.publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, der.sequence(...o.extensions)),
  );
  const signature = sign("sha256", body, o.signingKey);
  return pem("CERTIFICATE", der.sequence(body, algorithm, der.bits(signature)));
}

function distinguishedName(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.utf8(commonName))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
}

/** SHA-1 of the public key's bits (RFC 5280); a name for the key, not a protection. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const point = publicKey.export({ type: "spki", format: "der" }).subarray(-P256_POINT_BYTES);
  return createHash("sha1").update(point).digest();
}

const P256_POINT_BYTES = 65;

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

/** Positive and of constant length. */
function newSerial(): Buffer {
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

function privatePem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
