import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostHandlers } from "../../../provider/resources/host";
import { closeAll } from "../../../provider/ssh/pool";
import { type SshServer, startSshServer } from "../../support/ssh-server";
import { dockerInfo, sampleOutput } from "../preflight/sample-facts";

describe("a Host", () => {
  let folder: string;
  let server: SshServer;

  /** The programs of the pretended host: its facts lie in a file, apt-get notes its words and puts `installed` there. */
  async function pretend(facts: string, installed = facts): Promise<void> {
    writeFileSync(join(folder, "facts"), facts);
    writeFileSync(join(folder, "installed"), installed);
    program("sh", `case "$2" in *"fact uid"*) cat ${folder}/facts; exit 0;; esac\nexec /bin/sh "$@"`);
    program(
      "apt-get",
      `echo "$*" >>${folder}/apt\ncase "$*" in *install*) cp ${folder}/installed ${folder}/facts;; esac`,
    );
    server = await startSshServer({ path: `${folder}:${process.env.PATH}` });
  }
  function program(name: string, text: string): void {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const inputs = (changes: Record<string, unknown> = {}) => ({
    name: "a",
    connection: server.connection(),
    address: "10.0.0.11",
    __provider: "p",
    ...changes,
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "host-"));
  });
  afterEach(async () => {
    await closeAll();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it("that has everything gives its facts and the fingerprint of the key it showed", async () => {
    await pretend(sampleOutput());
    const { id, outs } = await hostHandlers.create(inputs());
    assert.equal(id, "a@10.0.0.11");
    assert.match(String(outs.hostKeyFingerprint), /^SHA256:/);
    assert.equal(outs.reachable, true);
    assert.equal((outs.facts as { kernel: string }).kernel, "6.12.48+deb13-amd64");
    assert.equal(outs.status, "ok");
  });

  it("gets what is missing installed, each from where it fits", async () => {
    const sid = "criu | 4.2.1-1 | http://mirror.example/debian sid/main amd64 Packages;";
    await pretend(
      sampleOutput({ nft: null, kernel: "6.18.1", apt: sid }),
      sampleOutput({ criu: "Version: 4.2.1", kernel: "6.18.1" }),
    );
    await hostHandlers.create(inputs());
    const commands = readFileSync(join(folder, "apt"), "utf8").trim().split("\n");
    assert.deepEqual(
      commands.map((line) => line.replace(/^.*? (?=(-t \S+ )?(update|install)( |$))/, "")),
      ["update", "install -- nftables", "-t sid install -- criu"],
    );
  });

  it("is only checked with `install: false`", async () => {
    await pretend(sampleOutput({ nft: null }));
    await assert.rejects(hostHandlers.create(inputs({ install: false })), {
      message:
        /is not ready:\n- missing: nftables \(apt-get install nftables\)\ninstall what is missing, or leave `install` at true$/,
    });
    assert.throws(() => readFileSync(join(folder, "apt")), /ENOENT/);
  });

  it("whose docker lacks a setting is only told so with `install: false`", async () => {
    await pretend(sampleOutput({ "docker.info": dockerInfo({ ExperimentalBuild: false }) }));
    await assert.rejects(hostHandlers.create(inputs({ install: false, engines: ["docker"] })), {
      message:
        /missing: "experimental": true in \/etc\/docker\/daemon\.json.*\ninstall what is missing, or leave `install` at true$/,
    });
  });

  it("gets nothing installed while something is wrong that packages cannot mend", async () => {
    await pretend(sampleOutput({ nft: null, kernel: "5.10.0" }));
    await assert.rejects(hostHandlers.create(inputs()), {
      message: /kernel 5\.10\.0 has no nft egress hook/,
    });
    assert.throws(() => readFileSync(join(folder, "apt")), /ENOENT/);
  });

  it("that lacks something after the installation says what", async () => {
    await pretend(sampleOutput({ nft: null }));
    await assert.rejects(hostHandlers.create(inputs()), { message: /missing: nftables/ });
  });

  it("that is not reached by root says so before anything else", async () => {
    await pretend(sampleOutput({ uid: "1000", nft: null }));
    await assert.rejects(hostHandlers.create(inputs()), { message: /the user is not root/ });
  });

  it("that does not answer keeps its facts in a refresh and is never taken for gone", async () => {
    await pretend(sampleOutput());
    const { id, outs } = await hostHandlers.create(inputs());
    await server.behave("refuse");
    server.dropLinks();
    await closeAll();
    const connection = { ...(outs.connection as object), dialErrorLimit: 1 };
    const { id: seen, props } = await hostHandlers.read(id, { ...outs, connection, __provider: "p" });
    assert.equal(seen, id);
    assert.equal(props.reachable, false);
    assert.deepEqual(props.facts, outs.facts);
  });

  it("that refuses the credentials is an error in a refresh, and the password is not shown", async () => {
    await pretend(sampleOutput());
    const { id, outs } = await hostHandlers.create(inputs());
    await closeAll();
    const connection = { ...(outs.connection as object), password: "wrong-password" };
    await assert.rejects(hostHandlers.read(id, { ...outs, connection, __provider: "p" }), (error: Error) => {
      assert.match(error.message, /does not let user .* in/);
      assert.doesNotMatch(error.message, /wrong-password/);
      return true;
    });
  });

  it("is deleted without being asked", async () => {
    await pretend(sampleOutput());
    const { id, outs } = await hostHandlers.create(inputs());
    await server.behave("refuse");
    await closeAll();
    await hostHandlers.delete(id, { ...outs, __provider: "p" });
  });

  describe("with bad arguments", () => {
    beforeEach(() => pretend(sampleOutput()));
    const cases: { title: string; changes: Record<string, unknown>; reasons: string[] }[] = [
      { title: "an unknown key", changes: { adress: "x" }, reasons: ["adress: unknown key"] },
      {
        title: "a port that is none",
        changes: { connection: { host: "10.0.0.1", insecure: true, port: 70_000 } },
        reasons: ["connection.port: should be a port (1 to 65535), got 70000"],
      },
      {
        title: "a bastion with a wrong field",
        changes: {
          connection: { host: "h", insecure: true, proxy: { host: "user@bastion", insecure: true } },
        },
        reasons: [
          'connection.proxy.host: should be a host name or an IP address, without user, port or scheme, got "user@bastion"',
        ],
      },
      {
        title: "a secret of the wrong type, which is not shown",
        changes: { connection: { host: "h", insecure: true, privateKey: 7 } },
        reasons: ["connection.privateKey: expected string"],
      },
      {
        title: "a name as the address",
        changes: { address: "web.example" },
        reasons: [
          'address: expected the IP address at which the other hosts reach this one (by default connection.host), got "web.example"',
        ],
      },
      {
        title: "an engine that does not exist",
        changes: { engines: ["podman", "lxc"] },
        reasons: ['engines[1]: expected "podman" or "docker", got "lxc"'],
      },
      {
        title: "a role that does not exist",
        changes: { role: "arbiter" },
        reasons: ['role: Invalid option: expected one of "member"|"witness", got "arbiter"'],
      },
    ];
    for (const { title, changes, reasons } of cases) {
      it(`answers ${title} with a path and an expectation`, async () => {
        const { failures } = await hostHandlers.check({}, inputs(changes));
        assert.deepEqual(
          failures.map((failure) => failure.reason),
          reasons,
        );
        assert.equal(server.seen.connections, 0);
      });
    }
  });
});
