import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type ParsedKey, utils } from "ssh2";
import { usablePrivateKey } from "../../../provider/ssh/private-key";

const pairs = {
  ed25519: () => generateKeyPairSync("ed25519"),
  ECDSA: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  RSA: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

describe("a private key", () => {
  for (const [kind, generate] of Object.entries(pairs)) {
    it(`of ${kind} in PKCS#8, as tls.PrivateKey gives it, signs as the key that it is`, () => {
      const { privateKey, publicKey } = generate();
      signsAs(publicKey, usablePrivateKey(pkcs8(privateKey)));
    });
  }

  const disguises: Record<string, (text: string) => string> = {
    "has `\\n` as two characters": (text) => text.replaceAll("\n", "\\n"),
    "is indented": (text) => text.replaceAll(/^/gm, "    "),
    "has Windows' ends of lines": (text) => text.replaceAll("\n", "\r\n"),
    "has blanks at the ends of its lines and no last end": (text) => text.trim().replaceAll("\n", "  \n"),
  };
  for (const [how, disguise] of Object.entries(disguises)) {
    it(`that ${how} is taken, in either format`, () => {
      const { privateKey, publicKey } = pairs.ed25519();
      const openSsh = usablePrivateKey(pkcs8(privateKey));
      for (const text of [pkcs8(privateKey), openSsh]) signsAs(publicKey, usablePrivateKey(disguise(text)));
    });
  }

  it("that is encrypted opens with its passphrase alone", () => {
    const { privateKey, publicKey } = pairs.RSA();
    const text = pkcs8(privateKey, { cipher: "aes-256-cbc", passphrase: "open" });
    signsAs(publicKey, usablePrivateKey(text, "open"));
    for (const passphrase of [undefined, "wrong"])
      assert.throws(() => usablePrivateKey(text, passphrase), /privateKeyPassword is missing or wrong/);
  });

  const unusable: { title: string; text: () => string; says: RegExp }[] = [
    { title: "a path", text: () => "/root/.ssh/id_ed25519", says: /not a path/ },
    {
      title: "a certificate",
      text: () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      says: /it is a CERTIFICATE, not a private key/,
    },
    {
      title: "a PuTTY key of a newer version",
      text: () => "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
      says: /puttygen KEY\.ppk -O private-openssh/,
    },
    {
      title: "a key of a kind that SSH does not use",
      text: () => pkcs8(generateKeyPairSync("x25519").privateKey),
      says: /type x25519, which SSH does not use/,
    },
    {
      title: "a key that was cut off",
      text: () => "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n",
      says: /OPENSSH PRIVATE KEY and is damaged .*ssh-keygen -p -f KEY/,
    },
  ];
  for (const { title, text, says } of unusable) {
    it(`that is ${title} is refused with what it is`, () => {
      assert.throws(() => usablePrivateKey(text()), says);
    });
  }
});

function pkcs8(key: KeyObject, encryption: { cipher?: string; passphrase?: string } = {}): string {
  return key.export({ type: "pkcs8", format: "pem", ...encryption }).toString();
}

/** What ssh2 signs with the key is what the public one says. */
function signsAs(publicKey: KeyObject, text: string): void {
  const signer = utils.parseKey(text) as ParsedKey;
  const data = Buffer.from("data");
  const openPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  assert.ok(!(signer instanceof Error), String(signer));
  const shown = signer.getPublicPEM().replaceAll("\n", "");
  assert.equal(shown, openPem.replaceAll("\n", ""));
  assert.ok(signer.sign(data).length > 0);
}
