import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createStore } from "../../provider/agent/env/store";
import { etcdctl } from "../../provider/commands/etcd";
import { groupConfigSchema, keysOf, parseJson, paths } from "../../provider/contract";
import { type DataState, disagreement, parseDataStates } from "../../provider/etcd/agreement";
import type { Lab } from "../lab/lab";
import { allLive, containerStatus, isProtected, untilContainer, untilGroup } from "../support/group";
import { labSuite } from "../support/lab";
import { watchLinks } from "../support/link-watch";
import type { Stack } from "../support/pulumi";
import { fillRedis, redisCommand } from "../support/redis-client";
import { hostLinks, redisAddress, redisStack } from "../support/redis-story";
import { succeeded } from "../support/runs";
import { until } from "../support/until";

/** Two of three hosts die at once: what an operator does then, and what becomes of hosts that come back. */
labSuite("a group whose majority is gone for good", { hosts: 3, timeoutMs: 180_000 }, (lab) => {
  let stack: Stack;
  /** The one that lives, which was the standby, and the two that die. */
  let survivor = "";
  let lost: string[] = [];
  const recover = (options: string) => lab.tryExec(survivor, `container-ha recover ${options} </dev/null`);

  before("open a stack", async () => {
    if (lab.hosts) stack = await redisStack(lab);
  });
  after("close the stack", () => stack?.dispose());

  it("is not there while two of three voters live: `recover` refuses and changes nothing", async () => {
    succeeded(await stack.up());
    const { standbys } = await containerStatus(lab, "redis");
    survivor = standbys[0]!.host;
    lost = lab.hosts.map(({ name }) => name).filter((name) => name !== survivor);
    await fillRedis(redisAddress(lab), { keys: 100, bytes: 100 });
    await lab.exec(survivor, "container-ha checkpoint redis");
    const { code, stderr } = await recover("--yes");
    assert.equal(code, 1);
    assert.match(stderr, /^The store has a quorum, so there is nothing to recover/);
  });

  it("is told by `status`, and by `recover`, which says what it assumes and does nothing unasked", async () => {
    await Promise.all(lost.map((name) => lab.kill(name)));
    let status = "";
    await until(
      async () => {
        status = await lab.exec(survivor, "container-ha status");
        return /the store did not answer, so nothing can be decided or changed/.test(status);
      },
      "a status without quorum",
      30_000,
    );
    assert.match(status, /^Bring back the hosts .* "container-ha recover"\.$/m);
    const { code, stderr } = await recover("");
    assert.equal(code, 2, stderr);
    const [one, other] = [...lost].sort();
    assert.match(stderr, new RegExp(`of its 3 voters only ${survivor} runs`));
    assert.match(
      stderr,
      new RegExp(`etcd data of ${one} and ${other} are gone for good, and that these hosts are OFF`),
    );
    assert.match(stderr, /redis goes on from its generation \d+-\d+ .*; what it did since is lost/);
    assert.match(stderr, /Nobody can be asked here: repeat it with --yes/);
    assert.equal(
      (await lab.exec(survivor, "ls /var/lib/container-ha/etcd")).trim(),
      "member",
      "something is left of the look",
    );
  });

  it("is rebuilt from the voter that is left: Redis goes on there with its memory", async () => {
    const { code, stdout, stderr } = await recover(`--yes --confirmed-off ${lost[0]}`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`${survivor} is the only voter of group \\S+ now`));
    // Voters that join get these data, and not what is left of another cluster's log.
    assert.match(await lab.exec(survivor, "ls /var/lib/container-ha/etcd/member/snap"), /\.snap$/m);
    const status = await untilContainer(lab, "redis", {
      what: "Redis on the survivor",
      limitMs: 30_000,
      holds: ({ phase, primary }) => phase === "RUNNING" && primary === survivor,
    });
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), "100");
    assert.ok(lost.includes(status.lastFailover!.from));
  });

  it("does not come back with the old voters: without a place in the rebuilt group their etcd stays down", async () => {
    await Promise.all(lost.map((name) => lab.start(name)));
    const watch = await watchLinks(hostLinks(lab), redisAddress(lab));
    for (const name of lost) {
      await until(
        async () => /etcd is not started: the group was rebuilt/.test(await etcdJournal(lab, name)),
        `a refusal to start on ${name}`,
        30_000,
      );
      assert.equal(await etcdRuns(lab, name), false);
    }
    await untilGroup(lab, {
      what: "agents that follow the rebuilt group",
      limitMs: 60_000,
      holds: allLive,
      hosts: lost,
    });
    assert.equal((await watch.stop()).answeredByTwo, false);
    assert.equal((await containerStatus(lab, "redis")).primary, survivor);
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), "100");
  });

  it("ends old voters that worked by themselves, cut off from the rebuilt group, when they reach it", async () => {
    await Promise.all(lost.map((name) => lab.kill(name)));
    await lab.isolate(survivor);
    await Promise.all(lost.map((name) => lab.start(name)));
    for (const name of lost)
      await until(() => etcdRuns(lab, name), `a majority of the old voters on ${name}`, 30_000);
    // Longer apart than the rebuilt group is ahead.
    await raiseRevision(lab, lost[0]!, 3000);
    await lab.heal();
    for (const name of lost)
      await until(
        async () => !(await etcdRuns(lab, name)) && /etcd is not started/.test(await etcdJournal(lab, name)),
        `the end of the old voter on ${name}`,
        30_000,
      );
    await untilContainer(lab, "redis", {
      what: "the group that was rebuilt",
      limitMs: 60_000,
      holds: ({ phase, primary }) => phase === "RUNNING" && primary === survivor,
    });
    await untilGroup(lab, {
      what: "agents that follow the rebuilt group",
      limitMs: 60_000,
      holds: allLive,
      hosts: lost,
    });
    for (const name of lost)
      await until(
        async () => (await lab.exec(name, "podman ps -q --filter status=running")).trim() === "",
        `no copy that runs on ${name}`,
        60_000,
      );
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), "100");
  });

  it("is whole again after an `up`, with one lost host as it was and the other one a new machine", async () => {
    await lab.kill(lost[1]!);
    newMachine(lab, lost[1]!);
    await lab.start(lost[1]!);
    succeeded(await stack.up({ args: ["--refresh"] }));
    await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
    for (const { name } of lab.hosts) assert.equal(await etcdRuns(lab, name), true, name);
    const states = await Promise.all(lab.hosts.map(({ name }) => dataState(lab, name)));
    assert.equal(disagreement(states), null);
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), "100");
  });

  it("survives the next power cut as any group does", async () => {
    await lab.kill(survivor);
    const { primary } = await untilContainer(lab, "redis", {
      what: "a failover",
      limitMs: 60_000,
      holds: ({ phase, primary }) => phase === "RUNNING" && primary !== survivor,
    });
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), "100");
    survivor = primary!;
    lost = lab.hosts.map(({ name }) => name).filter((name) => name !== survivor);
  });

  it("is rebuilt once more, and what runs on the voter that is left loses nothing", async () => {
    const before = await untilContainer(lab, "redis", {
      what: "the failover's end",
      limitMs: 30_000,
      holds: ({ phase }) => phase === "RUNNING",
    });
    await redisCommand(redisAddress(lab), "SET", "since", "the last generation");
    await lab.kill(lost.find((name) => lab.power(name) !== "off")!);
    const { code, stdout, stderr } = await recover("--yes");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^redis is frozen here and goes on as it is\.$/m);
    const after = await untilContainer(lab, "redis", {
      what: "Redis that goes on",
      limitMs: 30_000,
      holds: ({ phase }) => phase === "RUNNING",
    });
    await until(
      async () => (await redisCommand(redisAddress(lab), "GET", "since")) === "the last generation",
      "an answer",
      30_000,
    );
    assert.equal(after.primary, survivor);
    assert.equal(
      after.epoch,
      before.epoch + 1000,
      "an epoch that the old cluster did not get to, and no new beginning",
    );
  });
});

async function etcdRuns(lab: Lab, host: string): Promise<boolean> {
  return (await lab.tryExec(host, "systemctl is-active container-ha-etcd")).stdout.trim() === "active";
}

/** What the voter on this host says of its data. */
async function dataState(lab: Lab, host: string): Promise<DataState> {
  const { ca, cert, key } = paths.tls;
  const endpoint = `https://${lab.host(host).address}:7379`;
  const options = `--endpoints=${endpoint} --cacert=${ca} --cert=${cert} --key=${key}`;
  const output = await lab.exec(host, `etcdctl ${options} ${etcdctl.status().join(" ")}`);
  return parseDataStates(output)[0]!;
}

function etcdJournal(lab: Lab, host: string): Promise<string> {
  return lab.exec(host, "journalctl -b -u container-ha-etcd -o cat");
}

/** Writes so many records into the store, as this host and through its voter. */
async function raiseRevision(lab: Lab, host: string, count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "container-ha-tls-"));
  const copy = async (path: string) => {
    const file = join(folder, basename(path));
    writeFileSync(file, await lab.exec(host, `cat ${path}`), { mode: 0o600 });
    return file;
  };
  const text = await lab.exec(host, `cat ${paths.groupConfig}`);
  const { policy, etcdServerName } = parseJson(groupConfigSchema, text, paths.groupConfig);
  const { ca, cert, key } = paths.tls;
  const store = createStore({
    group: policy.group,
    host,
    endpoints: [`${lab.host(host).address}:${policy.ports.etcdClient}`],
    serverName: etcdServerName,
    tls: { ca: await copy(ca), cert: await copy(cert), key: await copy(key) },
  });
  const write = { put: keysOf(policy.group).fence("nobody", "nothing"), value: "{}" };
  const one = () => store.txn({ compares: [], writes: [write] }, { timeoutMs: 5000 });
  try {
    let done = 0;
    // While the leadership moves, writes are dropped.
    await until(
      async () => {
        const outcomes = await Promise.all(Array.from({ length: 50 }, one));
        done += outcomes.filter(({ result }) => result === "committed").length;
        return done >= count;
      },
      `${count} writes`,
      60_000,
    );
  } finally {
    store.close();
    rmSync(folder, { recursive: true });
  }
}

/** A host that is off becomes another machine of the same name: all that lies on its disk is how it came. */
function newMachine(lab: Lab, host: string): void {
  const disk = join(lab.folder, "hosts", host);
  const identity = ["hostname", "hosts", "ssh"];
  for (const name of readdirSync(join(disk, "data"))) {
    rmSync(join(disk, "data", name), { recursive: true });
    mkdirSync(join(disk, "data", name));
  }
  for (const name of readdirSync(join(disk, "up")))
    if (name !== "etc") rmSync(join(disk, "up", name), { recursive: true });
  for (const name of readdirSync(join(disk, "up/etc")))
    if (!identity.includes(name)) rmSync(join(disk, "up/etc", name), { recursive: true });
  writeFileSync(join(disk, "up/etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
}
