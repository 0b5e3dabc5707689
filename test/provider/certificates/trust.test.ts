import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect, createServer } from "node:tls";
import { describe, it } from "mocha";
import type { KeyPair } from "../../../provider/certificates/issue";
import { issueLeaf } from "../../../provider/certificates/issue";
import {
  bundleOf,
  daysLeft,
  ETCD_SERVER_NAME,
  ensureTrust,
  issueAdmin,
  splitBundle,
} from "../../../provider/certificates/trust";

const request = {
  group: "g",
  hosts: [
    { name: "a", address: "127.0.0.1" },
    { name: "b", address: "10.0.0.2" },
  ],
  rotation: 0,
};

describe("the keys of a group", () => {
  it("let two hosts talk over mutual TLS, with the host's name as the common name", async () => {
    const trust = ensureTrust(request, undefined);
    const { serverSaw, failure } = await handshake(trust.hosts.b!, trust.hosts.a!, bundleOf(trust));
    assert.equal(failure, undefined);
    assert.equal(serverSaw, "b");
  });

  it("name the host's address, etcd's name, an authority of 10 years and a certificate of one", async () => {
    const trust = ensureTrust(request, undefined);
    const leaf = new X509Certificate(trust.hosts.b!.cert);
    assert.equal(leaf.subjectAltName, `IP Address:10.0.0.2, DNS:${ETCD_SERVER_NAME}`);
    assert.equal(Math.round(daysLeft(trust.hosts.b!.cert)), 365);
    assert.equal(Math.round(daysLeft(trust.authorities[0]!.cert)), 3650);
  });

  it("stay as they are when nothing asks for new ones", async () => {
    const trust = ensureTrust(request, undefined);
    assert.deepEqual(ensureTrust(request, trust), trust);
  });

  it("give a new host a certificate and drop that of one that left", async () => {
    const before = ensureTrust(request, undefined);
    const hosts = [request.hosts[0]!, { name: "c", address: "10.0.0.3" }];
    const after = ensureTrust({ ...request, hosts }, before);
    assert.deepEqual(Object.keys(after.hosts), ["a", "c"]);
    assert.equal(after.hosts.a, before.hosts.a);
    assert.deepEqual(after.authorities, before.authorities);
  });

  it("give a host whose address changed a new certificate", async () => {
    const before = ensureTrust(request, undefined);
    const hosts = [request.hosts[0]!, { name: "b", address: "10.0.0.9" }];
    const after = ensureTrust({ ...request, hosts }, before);
    assert.notEqual(after.hosts.b!.cert, before.hosts.b!.cert);
    assert.equal(after.hosts.a, before.hosts.a);
  });

  it("renew a certificate that ends soon", async () => {
    const before = ensureTrust(request, undefined);
    const ending = issueLeaf({
      authority: before.authorities[0]!,
      commonName: "a",
      addresses: ["127.0.0.1"],
      validDays: 20,
    });
    const after = ensureTrust(request, { ...before, hosts: { ...before.hosts, a: ending } });
    assert.equal(Math.round(daysLeft(after.hosts.a!.cert)), 365);
  });

  it("are all new after a rotation, while the old certificates are still trusted", async () => {
    const before = ensureTrust(request, undefined);
    const after = ensureTrust({ ...request, rotation: 1 }, before);
    assert.equal(after.authorities.length, 2);
    const { failure } = await handshake(before.hosts.b!, after.hosts.a!, bundleOf(after));
    assert.equal(failure, undefined);
    const again = ensureTrust({ ...request, rotation: 2 }, after);
    assert.deepEqual(again.authorities.slice(1), after.authorities.slice(0, 1));
    assert.match(
      (await handshake(before.hosts.b!, again.hosts.a!, bundleOf(again))).failure ?? "",
      /certificate/,
    );
  });

  it("trust what is found on hosts whose state was lost", async () => {
    const lost = ensureTrust(request, undefined);
    const trust = ensureTrust(request, undefined);
    const bundle = bundleOf({ ...trust, adopted: splitBundle(bundleOf(lost)) });
    assert.equal(splitBundle(bundle).length, 2);
    assert.equal((await handshake(lost.hosts.b!, trust.hosts.a!, bundle)).failure, undefined);
  });

  it("come with a short-lived certificate for etcd's root user", async () => {
    const trust = ensureTrust(request, undefined);
    const admin = issueAdmin(trust);
    assert.ok(daysLeft(admin.cert) < 0.2);
    const { serverSaw } = await handshake(admin, trust.hosts.a!, bundleOf(trust));
    assert.equal(serverSaw, "root");
  });
});

/** One TLS handshake in which both sides check the other against `ca`. */
async function handshake(client: KeyPair, server: KeyPair, ca: string) {
  let serverSaw: string | undefined;
  const listener = createServer({ ...server, ca, requestCert: true, rejectUnauthorized: true }, (socket) => {
    serverSaw = String(socket.getPeerCertificate().subject.CN);
    socket.end("x");
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", ...client, ca, servername: ETCD_SERVER_NAME });
    socket.on("data", () => resolve(undefined));
    socket.on("error", (error) => resolve(error.message));
    socket.on("close", () => resolve("closed: certificate refused"));
  });
  await new Promise((resolve) => listener.close(resolve));
  return { serverSaw, failure };
}
