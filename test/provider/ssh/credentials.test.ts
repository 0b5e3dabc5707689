import assert from "node:assert/strict";
import { parseConnection } from "../../../provider/ssh/connection-args";
import { credentialsFor, secretsOf } from "../../../provider/ssh/credentials";
import { generateKeys } from "../../support/ssh-server";

const base = { host: "a", insecure: true };
const keys = generateKeys("open sesame");

describe("credentials", () => {
  it("come from the ssh-agent of the environment where none are given", () => {
    assert.equal(credentialsFor(parseConnection(base), { SSH_AUTH_SOCK: "/run/agent" }).agent, "/run/agent");
    assert.equal(
      credentialsFor(parseConnection({ ...base, password: "x" }), { SSH_AUTH_SOCK: "/run/agent" }).agent,
      undefined,
    );
  });

  it("are asked for in a clear sentence where there are none at all", () => {
    assert.throws(
      () => credentialsFor(parseConnection(base), {}),
      /^UserError: no credentials for root@a: give `privateKey`, .*SSH_AUTH_SOCK is not set/,
    );
  });

  it("name what is wrong with a private key, without showing it", () => {
    const attempt = (privateKey: string, privateKeyPassword?: string) => () =>
      credentialsFor(parseConnection({ ...base, privateKey, privateKeyPassword }), {});
    assert.throws(attempt(keys.private), /privateKeyPassword is missing or wrong$/);
    assert.throws(attempt(keys.private, "wrong"), /privateKeyPassword is missing or wrong$/);
    assert.throws(
      attempt("~/.ssh/id_ed25519"),
      /text of a private key in OpenSSH or PEM format, not a path$/,
    );
    assert.throws(attempt(keys.public), /is a public key; give the private one$/);
    assert.doesNotThrow(attempt(keys.private, "open sesame"));
  });

  it("of every hop are secrets", () => {
    const proxy = { ...base, password: "outer" };
    const connection = parseConnection({ ...base, privateKey: "k", privateKeyPassword: "p", proxy });
    assert.deepEqual(secretsOf(connection), ["k", "p", "outer"]);
  });
});
