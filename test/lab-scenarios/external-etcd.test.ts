import assert from "node:assert/strict";
import { issueAuthority, issueLeaf } from "../../provider/certificates/issue";
import type { ExternalEtcd } from "../../provider/group/etcd-inputs";
import { claimName, forgetGroup, withExternalEtcd } from "../../provider/group/external-etcd";
import type { GroupHandle } from "../../provider/group-handle";
import { closeAll } from "../../provider/ssh/pool";
import { withHost } from "../../provider/ssh/session";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { connectionsTo, create, handlers, type Resource } from "../support/handlers";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { redisCommand } from "../support/redis-client";
import { redisAddress } from "../support/redis-story";

const PORT = 2479;

/** Two hosts with containers, and on a third machine an etcd that is no part of the group. */
labSuite("a group of two with an etcd that is there already", { hosts: 3, timeoutMs: 180_000 }, (lab) => {
  const stack = "shop/dev";
  const members = ["ha1", "ha2"];
  const authority = issueAuthority("somebody");
  const client = issueLeaf({ authority, commonName: "container-ha", validDays: 30 });
  const created: Resource[] = [];
  const endpoint = () => `https://${lab.host("ha3").address}:${PORT}`;
  let inputs: Resource["outs"] & { etcd: { external: ExternalEtcd } };
  let handle: GroupHandle;

  async function declare(...what: Parameters<typeof create>): Promise<Resource["outs"]> {
    const resource = await create(...what);
    created.push(resource);
    return resource.outs;
  }
  const keys = () =>
    lab.exec(
      "ha3",
      `etcdctl --endpoints=${endpoint()} --cacert=/etc/somebody/ca.pem --cert=/etc/somebody/client.pem --key=/etc/somebody/client.pem get '' --prefix --keys-only`,
    );

  before("start somebody's etcd", async () => {
    if (!lab.hosts) return;
    const server = issueLeaf({
      authority,
      commonName: "etcd",
      addresses: [lab.host("ha3").address],
      validDays: 30,
    });
    const files = {
      "ca.pem": authority.cert,
      "server.pem": `${server.cert}${server.key}`,
      "client.pem": `${client.cert}${client.key}`,
    };
    for (const [name, text] of Object.entries(files))
      await lab.exec("ha3", `install -d /etc/somebody && cat >/etc/somebody/${name} <<'PEM'\n${text}\nPEM`);
    const options = [
      "--data-dir=/var/lib/somebody",
      `--listen-client-urls=${endpoint()}`,
      `--advertise-client-urls=${endpoint()}`,
      "--cert-file=/etc/somebody/server.pem",
      "--key-file=/etc/somebody/server.pem",
      "--trusted-ca-file=/etc/somebody/ca.pem",
      "--client-cert-auth",
    ];
    await lab.exec(
      "ha3",
      `systemd-run --unit=somebodys-etcd --service-type=notify /usr/bin/etcd ${options.join(" ")}`,
    );
    inputs = {
      name: "g",
      stack,
      hosts: members.map((name) => ({ name, address: lab.host(name).address })),
      connections: connectionsTo(members.map(lab.host)),
      etcd: { external: { endpoints: [endpoint()], ca: authority.cert, ...client } },
    };
  });
  afterEach(closeAll);

  it("is refused with etcdctl's reason where no etcd answers, and goes on from there", async () => {
    const nobody = {
      external: { ...inputs.etcd.external, endpoints: [endpoint().replace(`:${PORT}`, ":2999")] },
    };
    const { inputs: checked } = await handlers.HaGroup.check({}, { ...inputs, etcd: nobody });
    await assert.rejects(
      handlers.HaGroup.create(checked),
      /etcd\.external: no majority answers at https:\/\/\S+:2999 within 10 s: .*(refused|deadline)/,
    );
  });

  it("has no etcd of its own on any host, and its records in that one", async () => {
    const outs = await declare("HaGroup", inputs);
    assert.deepEqual({ voters: outs.voters, quorum: outs.quorum }, { voters: [], quorum: true });
    handle = outs.handle as GroupHandle;
    for (const name of members) {
      await declare("HeartbeatAgent", { name, host: name, group: "g", handle });
      assert.equal(await lab.exec(name, "ls /var/lib/container-ha/etcd 2>/dev/null || true"), "");
    }
    assert.match(await keys(), /^\/ha\/g\/policy$/m);
  });

  it("keeps its name there: a group of another stack is told whose it is, and takes nothing of it away", async () => {
    const before = await keys();
    const own = { group: "g", stack: "shop/prod" };
    await withHost(connectionsTo([lab.host("ha1")]).ha1!, (host) =>
      withExternalEtcd(host, inputs.etcd.external, async (etcd) => {
        await assert.rejects(claimName(etcd, own), /it has a group "g" already, of stack shop\/dev/);
        await forgetGroup(etcd, own);
      }),
    );
    assert.equal(await keys(), before);
  });

  it("changes nothing when nothing has changed, and shows the key of its certificate to nobody", async () => {
    const { id, outs } = created.find(({ kind }) => kind === "HaGroup")!;
    const { inputs: checked } = await handlers.HaGroup.check({}, inputs);
    assert.equal((await handlers.HaGroup.diff(id, outs, checked)).changes, false);
    assert.equal((await handlers.HaGroup.read(id, outs)).props.quorum, true);
    for (const name of members)
      assert.equal(await lab.exec(name, "stat -c %a /etc/container-ha/tls/etcd.key"), "600\n");
  });

  it("moves Redis with its memory when the power of its host is cut", async () => {
    const image = "registry.lab:5000/redis-lab";
    const virtualIps = [redisAddress(lab)];
    await declare("ProtectedContainer", { name: "redis", stack, group: "g", handle, image, virtualIps });
    await redisCommand(redisAddress(lab), "SET", "kept", "yes");
    const { primary, epoch } = await untilContainer(lab, "redis", {
      what: "protection",
      limitMs: 60_000,
      holds: isProtected,
    });
    await lab.exec(primary!, "container-ha checkpoint redis");
    await lab.kill(primary!);
    await untilContainer(lab, "redis", {
      what: "a new primary",
      limitMs: 60_000,
      holds: ({ phase, ...now }) => phase === "RUNNING" && now.primary !== primary && now.epoch > epoch,
    });
    assert.equal(await redisCommand(redisAddress(lab), "GET", "kept"), "yes");
    await lab.start(primary!);
    await untilContainer(lab, "redis", { what: "protection again", limitMs: 90_000, holds: isProtected });
    assert.notEqual((await containerStatus(lab, "redis")).primary, primary);
  });

  it("cannot be rebuilt from one of its hosts, which is said", async () => {
    const { code, stderr } = await lab.tryExec("ha1", "container-ha recover");
    assert.notEqual(code, 0);
    assert.match(stderr, /The group's etcd is not its own/);
  });

  it("and after `delete` neither its hosts nor that etcd have anything of it", async () => {
    for (const { kind, id, outs } of created.reverse()) await handlers[kind].delete(id, outs);
    assert.doesNotMatch(await keys(), /\/ha\//);
    await lab.exec("ha3", "systemctl stop somebodys-etcd");
    assert.deepEqual(await leftovers(lab), []);
  });
});
