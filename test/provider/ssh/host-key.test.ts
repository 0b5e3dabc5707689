import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { hostKeyAlgorithms, parseHostKeys } from "../../../provider/ssh/host-key";
import { generateKeys } from "../../support/ssh-server";

const LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const FINGERPRINT = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
const at22 = { host: "db1.example.org", port: 22 };

describe("a declared host key", () => {
  it("may be a public key, with or without a comment", () => {
    assert.deepEqual(parseHostKeys(LINE, at22), [{ type: "ssh-ed25519", fingerprint: FINGERPRINT }]);
    assert.deepEqual(parseHostKeys(`${LINE} root@db1\n`, at22), [
      { type: "ssh-ed25519", fingerprint: FINGERPRINT },
    ]);
  });

  it("may be a fingerprint as ssh-keygen prints it", () => {
    assert.deepEqual(parseHostKeys(FINGERPRINT, at22), [{ fingerprint: FINGERPRINT }]);
  });

  it("may be several keys, with comments and empty lines between them", () => {
    const other = generateKeys().public;
    assert.equal(parseHostKeys(`# old\n${LINE}\n\n# new\n${other}\n`, at22).length, 2);
  });

  it("may be known_hosts text, of which only this host's lines count", () => {
    const other = generateKeys().public;
    const text = `db2.example.org ${other}\nDB1.example.org,10.0.0.1 ${LINE}\n`;
    assert.deepEqual(parseHostKeys(text, at22), [{ type: "ssh-ed25519", fingerprint: FINGERPRINT }]);
    assert.throws(() => parseHostKeys(text, { ...at22, port: 2222 }), /none for \[db1\.example\.org\]:2222/);
    assert.equal(parseHostKeys(`[db1.example.org]:2222 ${LINE}`, { ...at22, port: 2222 }).length, 1);
  });

  it("may be hashed known_hosts text", () => {
    const salt = Buffer.from("0123456789abcdef0123");
    const digest = createHmac("sha1", salt).update("db1.example.org").digest("base64");
    assert.equal(parseHostKeys(`|1|${salt.toString("base64")}|${digest} ${LINE}`, at22).length, 1);
    assert.throws(
      () => parseHostKeys(`|1|${salt.toString("base64")}|${digest} ${LINE}`, { ...at22, host: "other" }),
      /none for/,
    );
  });

  it("is refused with the reason when it is something else", () => {
    assert.throws(() => parseHostKeys("\n", at22), /is empty/);
    assert.throws(() => parseHostKeys("MD5:aa:bb", at22), /neither a public key/);
    assert.throws(() => parseHostKeys("ssh-ed25519 AAAA", at22), /cut off/);
    assert.throws(() => parseHostKeys(LINE.replace("ssh-ed25519", "ssh-rsa"), at22), /not of this type/);
    assert.throws(() => parseHostKeys(`@cert-authority * ${LINE}`, at22), /not supported/);
  });

  it("is asked for first, so that a host with keys of several types shows the known one", () => {
    const all = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"];
    assert.deepEqual(hostKeyAlgorithms([{ type: "ssh-rsa", fingerprint: "x" }], all), [
      "rsa-sha2-512",
      "rsa-sha2-256",
      "ssh-ed25519",
      "ecdsa-sha2-nistp256",
    ]);
    assert.deepEqual(hostKeyAlgorithms([{ fingerprint: "x" }], all), all);
  });
});
