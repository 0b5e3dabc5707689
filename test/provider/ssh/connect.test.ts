import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import { AuthenticationFailed, HostKeyMismatch, HostUnreachable } from "../../../provider/errors";
import { connect } from "../../../provider/ssh/connect";
import { type ConnectionArgs, parseConnection } from "../../../provider/ssh/connection-args";
import type { Link } from "../../../provider/ssh/link";
import { generateKeys, type SshServer, startSshServer } from "../../support/ssh-server";

describe("connecting to a host", () => {
  let server: SshServer;
  const links: Link[] = [];

  beforeEach(async () => {
    server = await startSshServer();
  });
  afterEach(async () => {
    for (const link of links.splice(0)) link.close();
    await server.close();
  });

  const open = async (args: ConnectionArgs, deadlineMs?: number) => {
    const link = await connect(parseConnection(args), { deadlineMs });
    links.push(link);
    return link;
  };
  const failure = async <T extends Error>(
    type: new (o: never) => T,
    opening: Promise<unknown>,
  ): Promise<T> => {
    const error = await opening.then(
      () => assert.fail("it connected"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof type)) throw error;
    return error;
  };

  it("shows the host key it accepted", async () => {
    const link = await open(server.connection());
    assert.equal(link.hostKey.type, "ssh-ed25519");
    assert.equal(link.hostKey.line, server.hostKey().trim().split(" ").slice(0, 2).join(" "));
  });

  it("accepts the key by its fingerprint, and by one of several keys", async () => {
    const { hostKey } = await open(server.connection());
    await open(server.connection({ hostKey: hostKey.fingerprint }));
    await open(
      server.connection({
        hostKey: `${generateKeys().public}\n[127.0.0.1]:${server.port} ${hostKey.line}`,
      }),
    );
  });

  it("accepts any key only with `insecure`", async () => {
    const link = await open(server.connection({ hostKey: undefined, insecure: true }));
    assert.match(link.hostKey.fingerprint, /^SHA256:/);
  });

  it("never tries a wrong host key again, sends no credentials, and says both fingerprints and what to do", async () => {
    const args = server.connection();
    const expected = (await open(args)).hostKey.fingerprint;
    server.changeHostKey();
    const before = { ...server.seen };
    const error = await failure(HostKeyMismatch, open(args));
    assert.deepEqual(error.expected, [expected]);
    assert.match(error.seen, /^SHA256:/);
    assert.notEqual(error.seen, expected);
    assert.ok(error.message.includes(expected) && error.message.includes(error.seen));
    assert.match(error.message, /ssh-keygen -lf .* update `hostKey`/);
    assert.equal(error.retryable, false);
    assert.equal(server.seen.connections, before.connections + 1);
    assert.equal(server.seen.authAttempts, before.authAttempts);
  });

  it("never tries wrong credentials again, and does not show them", async () => {
    const error = await failure(
      AuthenticationFailed,
      open(server.connection({ password: "wrong-password" })),
    );
    assert.match(error.message, /does not let user "root" in \(tried: password\)/);
    assert.equal(error.retryable, false);
    assert.equal(server.seen.connections, 1);
    assert.ok(!JSON.stringify([error.message, error.stack, error]).includes("wrong-password"));
  });

  it("logs in with a private key that has a passphrase", async () => {
    const keys = generateKeys("open sesame");
    const withKey = await startSshServer({ publicKey: keys.public });
    try {
      await open(withKey.connection({ privateKey: keys.private, privateKeyPassword: "open sesame" }));
      const other = generateKeys().private;
      await failure(AuthenticationFailed, open(withKey.connection({ privateKey: other })));
      assert.equal(withKey.seen.logins, 1);
    } finally {
      await withKey.close();
    }
  });

  it("says that credentials are refused where the ssh-agent cannot be reached", async () => {
    const error = await failure(
      AuthenticationFailed,
      open(server.connection({ password: undefined, agentSocketPath: "/nonexistent" })),
    );
    assert.deepEqual(error.tried, ["ssh-agent"]);
  });

  it("counts its attempts and shows the last cause when the connection is refused", async () => {
    await server.behave("refuse");
    const error = await failure(HostUnreachable, open(server.connection({ dialErrorLimit: 3 })));
    assert.equal(error.attempts, 3);
    assert.match(
      error.message,
      /^cannot reach root@127\.0\.0\.1:\d+: 3 attempts in \d\.\d s, last cause: connect ECONNREFUSED/,
    );
    assert.equal(error.retryable, true);
  });

  it("succeeds when sshd comes up between two attempts", async () => {
    await server.behave("refuse");
    const opening = open(server.connection());
    await server.behave("normal");
    await opening;
  });

  it("bounds each attempt on a host that hangs before the handshake", async () => {
    await server.behave("hang-before-handshake");
    const error = await failure(
      HostUnreachable,
      open(server.connection({ dialErrorLimit: 2, perDialTimeout: 0.1 })),
    );
    assert.match(error.message, /2 attempts in 0\.\d s, last cause: no answer within 0\.1 s/);
    assert.equal(server.seen.connections, 2);
  });

  it("ends at the overall deadline, whatever the limits of the attempts", async () => {
    await server.behave("hang-before-handshake");
    const limits = { dialErrorLimit: -1, perDialTimeout: 0 };
    const error = await failure(HostUnreachable, open(server.connection(limits), 150));
    assert.equal(error.attempts, 1);
  });

  it("tries again when sshd closes the connection at once, as with MaxStartups", async () => {
    await server.behave("close-at-connect");
    const error = await failure(HostUnreachable, open(server.connection({ dialErrorLimit: 2 })));
    assert.equal(error.attempts, 2);
  });

  it("does not try again where the two sides have no algorithm in common", async () => {
    const obsolete = await startSshServer({ obsolete: true });
    try {
      const error = await failure(HostUnreachable, open(obsolete.connection()));
      assert.match(error.message, /1 attempt in .*no matching key exchange algorithm/);
      assert.equal(error.retryable, false);
    } finally {
      await obsolete.close();
    }
  });

  it("does not try a host name again that does not exist", async () => {
    const error = await failure(
      HostUnreachable,
      open({ host: "no-such-host.invalid", password: "x", insecure: true }, 400),
    );
    assert.match(error.message, /no-such-host\.invalid/);
  });

  it("takes a server that is no sshd as unreachable", async () => {
    const web = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    const { port } = web.address() as { port: number };
    try {
      await failure(
        HostUnreachable,
        open({ host: "127.0.0.1", port, password: "x", insecure: true, dialErrorLimit: 2 }),
      );
    } finally {
      web.close();
    }
  });

  it("logs in with a key held by an ssh-agent", async () => {
    const { AgentProtocol } = await import("ssh2");
    const keys = generateKeys();
    const key = utils.parseKey(keys.private);
    if (key instanceof Error) throw key;
    const folder = mkdtempSync(join(tmpdir(), "agent-"));
    const agent = createServer((socket) => {
      const protocol = new AgentProtocol(false);
      protocol.on("identities", (request) => protocol.getIdentitiesReply(request, [key]));
      protocol.on("sign", (request, _publicKey, data) => protocol.signReply(request, key.sign(data)));
      socket.pipe(protocol).pipe(socket);
    });
    const agentSocketPath = join(folder, "socket");
    await new Promise<void>((resolve) => agent.listen(agentSocketPath, resolve));
    const withKey = await startSshServer({ publicKey: keys.public });
    try {
      await open(withKey.connection({ agentSocketPath }));
      assert.equal(withKey.seen.logins, 1);
    } finally {
      await withKey.close();
      agent.close();
      rmSync(folder, { recursive: true });
    }
  });
});
