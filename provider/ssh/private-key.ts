import { createPrivateKey, type KeyObject } from "node:crypto";
import { type ParsedKey, utils } from "ssh2";

/** Why a private key cannot be used, one sentence without anything of the key. */
export class UnusableKey extends Error {}

/**
 * A private key as ssh2 takes it. As configurations carry keys, it may have `\n` as two characters, Windows' ends of
 * lines, indentation and blanks; and it may be PKCS#8, as `tls.PrivateKey` and openssl give it, which ssh2 does not read.
 * Throws UnusableKey with the format that it was recognised as and what converts it.
 */
export function usablePrivateKey(text: string, passphrase?: string): string {
  const key = normalized(text);
  const usable = /^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(key) ? fromPkcs8(key, passphrase) : key;
  const parsed = utils.parseKey(usable, passphrase) as ParsedKey | ParsedKey[] | Error;
  if (parsed instanceof Error) throw new UnusableKey(whyNot(key, parsed.message));
  const [first] = Array.isArray(parsed) ? parsed : [parsed];
  if (!first?.isPrivateKey()) throw new UnusableKey("it is a public key; give the private one");
  return usable;
}

/** The lines of the key, each without blanks around it. */
function normalized(text: string): string {
  const broken = /\\n/.test(text) && !/\n./.test(text.trim()) ? text.replaceAll(/(\\r)?\\n/g, "\n") : text;
  const lines = broken.trim().split(/\r?\n/);
  return `${lines.map((line) => line.trim()).join("\n")}\n`;
}

function fromPkcs8(key: string, passphrase: string | undefined): string {
  let parsed: KeyObject;
  try {
    parsed = createPrivateKey({ key, passphrase });
  } catch {
    const locked = key.includes("BEGIN ENCRYPTED");
    throw new UnusableKey(locked ? WRONG_PASSPHRASE : "it looks like PKCS#8 and is damaged");
  }
  switch (parsed.asymmetricKeyType) {
    case "rsa":
      return parsed.export({ type: "pkcs1", format: "pem" }).toString();
    case "ec":
      return parsed.export({ type: "sec1", format: "pem" }).toString();
    case "ed25519":
      return openSshOf(parsed);
    default:
      throw new UnusableKey(
        `it is a key of type ${parsed.asymmetricKeyType}, which SSH does not use: give an ed25519, ECDSA or RSA key`,
      );
  }
}

/** An ed25519 key in OpenSSH's own format (PROTOCOL.key of OpenSSH), the only one in which ssh2 takes it. */
function openSshOf(key: KeyObject): string {
  const { d, x } = key.export({ format: "jwk" });
  const secret = Buffer.from(d!, "base64url");
  const open = Buffer.from(x!, "base64url");
  const check = Buffer.alloc(8);
  const content = Buffer.concat([
    check,
    field("ssh-ed25519"),
    field(open),
    field(Buffer.concat([secret, open])),
    field(""),
  ]);
  const padding = Buffer.from(Array.from({ length: -content.length & 7 }, (_, index) => index + 1));
  const whole = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    number(1),
    field(Buffer.concat([field("ssh-ed25519"), field(open)])),
    field(Buffer.concat([content, padding])),
  ]);
  const lines = whole.toString("base64").match(/.{1,70}/g)!;
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join(
    "\n",
  );
}

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function whyNot(key: string, reason: string): string {
  if (/passphrase|encrypted|decrypt/i.test(reason)) return WRONG_PASSPHRASE;
  const begin = /^-----BEGIN ([^-]+)-----/.exec(key)?.[1];
  if (/^PuTTY-User-Key-File-/.test(key))
    return "it is a PuTTY key that cannot be read; convert it: puttygen KEY.ppk -O private-openssh -o KEY";
  if (begin === undefined)
    return "it should be the text of a private key in OpenSSH or PEM format, not a path";
  return begin.endsWith("PRIVATE KEY")
    ? `it looks like a ${begin} and is damaged or of a kind that cannot be read; \`ssh-keygen -p -f KEY\` writes it in OpenSSH's format`
    : `it is a ${begin}, not a private key`;
}

const WRONG_PASSPHRASE = "privateKeyPassword is missing or wrong";
