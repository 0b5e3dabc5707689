import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import type { UdpHeartbeat } from "../../../../provider/agent/env";
import { createDisk, type GenerationDisk } from "../../../../provider/agent/env/disk/disk";
import { encodeHead } from "../../../../provider/agent/env/disk/piece-head";
import { type AgentNet, createNet } from "../../../../provider/agent/env/net/net";
import { encodePacket } from "../../../../provider/agent/env/net/packet";
import { until } from "../../../support/until";
import { type Authority, createAuthority, type TlsPaths, tlsPathsIn } from "../support/certificates";
import { freePorts } from "../support/etcd";
import { generation, sealed, temporaryFolder } from "../support/generations";
import { quietLog } from "../support/quiet-log";

interface Host {
  name: string;
  address: string;
  root: string;
  tls: TlsPaths;
  disk: GenerationDisk;
  net: AgentNet;
  log: ReturnType<typeof quietLog>;
}

/** Hosts at 127.0.0.1, 127.0.0.2, ...: the same ports on each, as on real hosts. */
describe("the network between agents", function () {
  this.timeout(10_000);
  let folder: string;
  let authority: Authority;
  let ports: { peer: number; heartbeat: number };
  let key: Buffer;
  let ha1: Host;
  let ha2: Host;
  const started: AgentNet[] = [];

  before(async () => {
    folder = temporaryFolder();
    authority = createAuthority(folder);
    mkdirSync(join(folder, "issued"));
    for (const name of ["ha1", "ha2", "ha3"]) authority.issue(join(folder, "issued"), name);
    const [peer, heartbeat] = await freePorts(2);
    ports = { peer: peer!, heartbeat: heartbeat! };
    key = randomBytes(32);
    writeFileSync(join(folder, "keys"), `${key.toString("hex")}\n`);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    ha1 = hostAt("ha1", "127.0.0.1");
    ha2 = hostAt("ha2", "127.0.0.2");
    await startAll([ha1, ha2]);
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((net) => net.close()));
    for (const host of [ha1, ha2]) rmSync(host.root, { recursive: true, force: true });
  });

  function hostAt(name: string, address: string, tls = certified(name)): Host {
    const root = temporaryFolder();
    const disk = createDisk({ root });
    const log = quietLog();
    const heartbeatKeys = join(folder, "keys");
    const net = createNet({ group: "test", host: name, address, ports, tls, heartbeatKeys, disk, log });
    return { name, address, root, tls, disk, net, log };
  }

  /** A copy for one test, which may spoil it. */
  function certified(name: string): TlsPaths {
    const own = mkdtempSync(join(folder, "tls-"));
    cpSync(join(folder, "issued"), own, { recursive: true });
    return tlsPathsIn(own, name);
  }

  async function startAll(hosts: Host[]): Promise<void> {
    for (const { net, name } of hosts) {
      net.setPeers(hosts);
      await net.start({ ctl: async (request) => ({ host: name, request }) });
      started.push(net);
    }
  }

  describe("generations", () => {
    const same = (path: string) => execFileSync("diff", ["-r", join(ha1.root, path), join(ha2.root, path)]);

    it("arrive bit by bit, sent and fetched", async () => {
      const sha256 = await sealed(ha1.disk, generation(1), 1 << 20);
      await ha1.net.sendGeneration("ha2", generation(1));
      same("redis/1-1");
      await ha2.disk.verify(generation(1), sha256);
      const second = await sealed(ha1.disk, generation(2), 1 << 20);
      await ha2.net.fetchGeneration("ha1", generation(2), second);
      same("redis/1-2");
    });

    it("that the record names are fetched even after something of a newer epoch arrived", async () => {
      const sha256 = await sealed(ha1.disk, generation(1, 2));
      await ha2.disk.raiseEpoch("redis", 3);
      await ha2.net.fetchGeneration("ha1", generation(1, 2), sha256);
      await ha2.disk.verify(generation(1, 2), sha256);
    });

    it("with another manifest than the record names are not fetched", async () => {
      await sealed(ha1.disk, generation());
      await assert.rejects(ha2.net.fetchGeneration("ha1", generation(), "0".repeat(64)), {
        reason: "mismatch",
        message: /^ha1 has another generation redis 1-1/,
      });
      assert.deepEqual(await ha2.disk.list(), []);
    });

    it("travel side by side, in both directions", async () => {
      const shas = await Promise.all([1, 2, 3].map((gen) => sealed(ha1.disk, generation(gen), 1 << 20)));
      await sealed(ha2.disk, generation(1, 1, "queue"), 1 << 20);
      await Promise.all([
        ...[1, 2, 3].map((gen) => ha1.net.sendGeneration("ha2", generation(gen))),
        ha2.net.sendGeneration("ha1", generation(1, 1, "queue")),
      ]);
      for (const [index, sha256] of shas.entries()) await ha2.disk.verify(generation(index + 1), sha256);
      assert.equal((await ha1.disk.list()).length, 4);
    });

    it("of an older epoch are refused at the receiver, whose reason reaches the sender", async () => {
      await sealed(ha1.disk, generation(1, 2), 8 << 20);
      await ha2.disk.raiseEpoch("redis", 3);
      await assert.rejects(ha1.net.sendGeneration("ha2", generation(1, 2)), {
        reason: "older-epoch",
        message: /^ha2: generation redis 2-1 is of an older epoch than 3/,
      });
      assert.deepEqual(await ha2.disk.list(), []);
    });

    it("that were altered on the sender's disk are refused and leave nothing behind", async () => {
      const sha256 = await sealed(ha1.disk, generation());
      writeFileSync(join(ha1.root, "redis/1-1/images/core-1.img"), randomBytes(1000));
      await assert.rejects(ha1.net.sendGeneration("ha2", generation()), { reason: "mismatch" });
      assert.deepEqual(readdirSync(join(ha2.root, "redis")), ["epoch"]);
      await assert.rejects(ha2.net.fetchGeneration("ha1", generation(), sha256), { reason: "mismatch" });
      assert.deepEqual(readdirSync(join(ha2.root, "redis")), ["epoch"]);
    });

    it("that nobody holds cannot be sent or fetched", async () => {
      await assert.rejects(ha1.net.sendGeneration("ha2", generation(9)), { reason: "not-found" });
      await assert.rejects(ha1.net.fetchGeneration("ha2", generation(9), "0".repeat(64)), {
        reason: "not-found",
        message: /^ha2: no generation redis 1-9 to send/,
      });
    });

    it("do not reach a peer that is down, or that the policy does not name", async () => {
      await sealed(ha1.disk, generation());
      await ha2.net.close();
      await assert.rejects(
        ha1.net.sendGeneration("ha2", generation()),
        /^GenerationRefused: ha2: .*ECONNREFUSED/,
      );
      await assert.rejects(ha1.net.sendGeneration("ha7", generation()), /ha7 is no peer of ha1; peers: ha2/);
    });

    /** A transfer of which only a part was sent, by hand. */
    async function halfSent() {
      await sealed(ha1.disk, generation());
      const { ca, cert, key: own } = pem(ha1.tls);
      const sent = httpsRequest({
        ...{ host: ha2.address, port: ports.peer, ca, cert, key: own, method: "POST" },
        path: "/generation/redis/1/1",
        checkServerIdentity: () => undefined,
        headers: { "x-manifest-sha256": "0".repeat(64) },
      });
      sent.on("error", () => {});
      const head = { path: "images/pages-1.img", length: 2000, last: true, packed: false };
      sent.write(Buffer.concat([encodeHead(head), randomBytes(1000)]));
      const arriving = () => listing(ha2.root).some((name) => name.endsWith(".tmp"));
      await until(arriving, "the beginning of the transfer", 5000);
      return { sent, arriving };
    }

    it("whose sender dies on the way leave nothing behind", async () => {
      const { sent, arriving } = await halfSent();
      sent.destroy();
      await until(() => !arriving(), "the end of its traces", 5000);
      assert.deepEqual(await ha2.disk.list(), []);
    });

    it("that are called off on the way leave nothing behind, and their sender is told", async () => {
      const { sent, arriving } = await halfSent();
      const answer = new Promise<IncomingMessage>((resolve) => sent.once("response", resolve));
      await ha2.disk.remove(generation());
      const body = await text(await answer);
      assert.match(body, /"superseded".*was called off here/);
      sent.destroy();
      assert.equal(arriving(), false);
    });
  });

  describe("requests", () => {
    it("reach the peer's handler and bring back its reply", async () => {
      const reply = await ha1.net.ask("ha2", { op: "status" }, 2000);
      assert.deepEqual(reply, { host: "ha2", request: { op: "status" } });
    });

    it("fail with the handler's reason, and when there is no reply in time", async () => {
      const ha3 = hostAt("ha3", "127.0.0.3");
      ha3.net.setPeers([ha1]);
      await ha3.net.start({
        ctl: (request) =>
          request === "hang" ? new Promise(() => {}) : Promise.reject(new Error("no such container")),
      });
      started.push(ha3.net);
      ha1.net.setPeers([ha2, ha3]);
      await assert.rejects(ha1.net.ask("ha3", "x", 2000), {
        message: "cannot ask ha3: ha3: no such container",
      });
      await assert.rejects(ha1.net.ask("ha3", "hang", 50), { message: "ha3 gave no reply in 50 ms" });
      rmSync(ha3.root, { recursive: true });
    });
  });

  describe("strangers", () => {
    it("without a certificate of the group are refused, and do not get the group's trust either", async () => {
      const stranger = hostAt("ha1", "127.0.0.4", createAuthority(folder, "other-ca").issue(folder, "ha1"));
      await sealed(stranger.disk, generation());
      await startAll([stranger]);
      stranger.net.setPeers([ha2]);
      await assert.rejects(stranger.net.sendGeneration("ha2", generation()), /certificate/);
      // The same, from a client that does not care who the server is.
      const { cert, key: own } = pem(stranger.tls);
      await assert.rejects(
        rawAsk({ cert, key: own, rejectUnauthorized: false }),
        /unknown ca|ECONNRESET|hang up/,
      );
      await assert.rejects(rawAsk({ rejectUnauthorized: false }), /certificate required|ECONNRESET|hang up/);
      assert.deepEqual(await ha2.disk.list(), []);
      rmSync(stranger.root, { recursive: true });
    });

    it("of the group's authority that are no members are refused by name", async () => {
      const reply = await rawAsk(pem(authority.issue(folder, "ha9")));
      assert.deepEqual(reply, { status: 403, body: '{"message":"ha9 is no member of this group"}' });
    });

    it("cannot pose as a peer with another member's certificate", async () => {
      const ha3 = hostAt("ha3", "127.0.0.3");
      await startAll([ha3]);
      ha1.net.setPeers([{ name: "ha2", address: ha3.address }]);
      await assert.rejects(
        ha1.net.ask("ha2", {}, 2000),
        /the host at 127\.0\.0\.3 proves to be ha3, expected ha2/,
      );
      rmSync(ha3.root, { recursive: true });
    });

    it("that send garbage instead of TLS disturb nobody", async () => {
      const socket = connect(ports.peer, ha2.address, () => socket.end(randomBytes(500)));
      await new Promise((resolve) =>
        socket
          .once("close", resolve)
          .on("error", () => {})
          .resume(),
      );
      await ha1.net.ask("ha2", {}, 2000);
    });

    function rawAsk(tls: object): Promise<{ status: number; body: string }> {
      return new Promise((resolve, reject) => {
        const options = { host: ha2.address, port: ports.peer, path: "/ctl", method: "POST", ...tls };
        const sent = httpsRequest({ ...options, checkServerIdentity: () => undefined }, (response) => {
          response.setEncoding("utf8").on("data", (body) => resolve({ status: response.statusCode!, body }));
        });
        sent.once("error", reject);
        sent.end("{}");
      });
    }
  });

  it("uses a new certificate and a new authority after a reload", async () => {
    const fresh = createAuthority(folder, "next-ca");
    const bundle = authority.pem + fresh.pem;
    for (const host of [ha1, ha2]) writeFileSync(host.tls.ca, bundle);
    await Promise.all([ha1.net.reloadTls(), ha2.net.reloadTls()]);
    fresh.issue(dirname(ha2.tls.cert), "ha2");
    writeFileSync(ha2.tls.ca, bundle);
    await ha2.net.reloadTls();
    await ha1.net.ask("ha2", {}, 2000);
    await ha2.net.ask("ha1", {}, 2000);
    writeFileSync(ha1.tls.ca, authority.pem);
    await ha1.net.reloadTls();
    await assert.rejects(ha1.net.ask("ha2", {}, 2000), /certificate/);
  });

  it("keeps what it has when a reload finds a broken file", async () => {
    const good = readFileSync(ha1.tls.cert);
    writeFileSync(ha1.tls.cert, "-----BEGIN");
    await assert.rejects(ha1.net.reloadTls());
    writeFileSync(ha1.tls.cert, good);
    await ha1.net.ask("ha2", {}, 2000);
    await ha2.net.ask("ha1", {}, 2000);
  });

  describe("heartbeats", () => {
    it("of a peer are heard, in order, none of them twice, with when they were sent", async () => {
      const heard: UdpHeartbeat[] = [];
      ha2.net.onHeartbeat((heartbeat) => heard.push(heartbeat));
      const before = performance.now();
      ha1.net.beat("s1");
      ha1.net.beat("s1");
      ha1.net.beat("s2");
      const after = performance.now();
      await until(() => heard.length === 3, "the third heartbeat", 5000);
      assert.deepEqual(
        heard.map(({ from, sid }) => ({ from, sid })),
        [
          { from: "ha1", sid: "s1" },
          { from: "ha1", sid: "s1" },
          { from: "ha1", sid: "s2" },
        ],
      );
      const sent = heard.map(({ sentAt }) => sentAt - heard[0]!.sentAt);
      assert.ok(sent[1]! > 0 && sent[2]! > sent[1]! && sent[2]! <= after - before, sent.join(", "));
    });

    it("are heard all through a rotation of their keys, and not with a key that was taken away", async () => {
      const heard: string[] = [];
      ha2.net.onHeartbeat(({ sid }) => heard.push(sid));
      const [first, next] = [key.toString("hex"), randomBytes(32).toString("hex")];
      const install = async (host: Host, ...lines: string[]) => {
        writeFileSync(join(folder, "keys"), lines.join("\n"));
        await host.net.reloadTls();
      };
      await install(ha2, first, next);
      ha1.net.beat("first key");
      await install(ha1, next, first);
      ha1.net.beat("next key");
      await install(ha2, next);
      await install(ha1, first);
      ha1.net.beat("key taken away");
      await install(ha1, next);
      ha1.net.beat("end");
      await until(() => heard.includes("end"), "the last heartbeat", 5000);
      writeFileSync(join(folder, "keys"), first);
      assert.deepEqual(heard, ["first key", "next key", "end"]);
    });

    it("that are replayed, forged, cut off, of another group or of strangers are ignored", async () => {
      const heard: string[] = [];
      ha2.net.onHeartbeat(({ from, sid }) => heard.push(`${from} ${sid}`));
      const of = (change: object) => ({
        group: "test",
        from: "ha1",
        sid: "s",
        seq: 7n,
        monotonic: 1n,
        ...change,
      });
      const good = encodePacket(of({}), key);
      const bad = [
        good,
        encodePacket(of({ seq: 6n }), key),
        encodePacket(of({ seq: 8n }), randomBytes(32)),
        good.subarray(0, 40),
        Buffer.alloc(0),
        randomBytes(1400),
        encodePacket(of({ seq: 9n, group: "other" }), key),
        encodePacket(of({ seq: 9n, from: "ha9" }), key),
        encodePacket(of({ seq: 9n, from: "ha2" }), key),
      ];
      const socket = createSocket("udp4");
      const last = encodePacket(of({ seq: 10n, sid: "end" }), key);
      for (const packet of [good, ...bad, last]) {
        await new Promise((resolve) => socket.send(packet, ports.heartbeat, ha2.address, resolve));
      }
      socket.close();
      await until(() => heard.includes("ha1 end"), "the last heartbeat", 5000);
      assert.deepEqual(heard, ["ha1 s", "ha1 end"]);
    });
  });
});

function pem(paths: TlsPaths) {
  return { ca: readFileSync(paths.ca), cert: readFileSync(paths.cert), key: readFileSync(paths.key) };
}

function listing(root: string): string[] {
  return readdirSync(root).flatMap((name) => readdirSync(join(root, name)));
}
