import assert from "node:assert/strict";
import type { GroupHandle } from "../../provider/group-handle";
import { closeAll } from "../../provider/ssh/pool";
import { containerStatus, groupStatus, isProtected, untilContainer, untilGroup } from "../support/group";
import { connectionsTo, create } from "../support/handlers";
import { labSuite } from "../support/lab";
import { redisCommand } from "../support/redis-client";
import { until } from "../support/until";

const HOSTS = ["ha1", "ha2", "ha3"];
const IMAGE = "registry.lab:5000/redis-lab";
/** Two on one engine, which begin at the same moment on hosts where nothing ran before. */
const CONTAINERS = { one: "podman", two: "podman", three: "docker" } as const;
/** The registry's name leads nowhere; the file is mounted, so that it is written over. */
const HOSTS_BEFORE = "/root/hosts.before";
const hideRegistry = `sed 's/^[^ \t]*\\(.*registry.lab\\)/127.0.0.1\\1/' ${HOSTS_BEFORE} >/etc/hosts`;
type Name = keyof typeof CONTAINERS;
const NAMES = Object.keys(CONTAINERS) as Name[];

labSuite("engines that are meddled with", { hosts: HOSTS, timeoutMs: 240_000 }, (lab) => {
  const addressOf = (name: Name) => `${lab.subnet}.${100 + NAMES.indexOf(name)}`;
  const events = (host: string) => lab.exec(host, "container-ha events --limit 500");

  async function untilProtected(name: Name): Promise<string> {
    const { primary } = await untilContainer(lab, name, {
      what: "protection",
      limitMs: 120_000,
      holds: isProtected,
    });
    return primary!;
  }

  /** Something to remember, in a committed generation; returns the primary. */
  async function remember(name: Name): Promise<string> {
    const primary = await untilProtected(name);
    await redisCommand(addressOf(name), "SET", "kept", "yes");
    await lab.exec(primary, `container-ha checkpoint ${name}`);
    return primary;
  }

  const pidOf = async (host: string, name: Name) =>
    Number(await lab.exec(host, `${CONTAINERS[name]} inspect --format '{{.State.Pid}}' ha-${name}`));

  async function untilElsewhere(name: Name, from: string): Promise<void> {
    await untilContainer(lab, name, {
      what: "another primary",
      limitMs: 60_000,
      holds: ({ phase, primary }) => phase === "RUNNING" && primary !== from,
    });
    assert.equal(await redisCommand(addressOf(name), "GET", "kept"), "yes");
  }

  afterEach(closeAll);

  it("begin three containers at once on fresh hosts, each at the first try", async () => {
    const { outs } = await create("HaGroup", {
      name: "g",
      stack: "shop/dev",
      hosts: HOSTS.map((name) => ({ name, address: lab.host(name).address, role: "member" })),
      connections: connectionsTo(HOSTS.map(lab.host)),
      profile: "fast",
    });
    const handle = outs.handle as GroupHandle;
    for (const name of HOSTS) await create("HeartbeatAgent", { name, host: name, group: "g", handle });
    await Promise.all(
      NAMES.map((name) =>
        create("ProtectedContainer", {
          name,
          stack: "shop/dev",
          group: "g",
          handle,
          image: IMAGE,
          engine: CONTAINERS[name],
          virtualIps: [addressOf(name)],
        }),
      ),
    );
    for (const name of NAMES) await untilProtected(name);
    const told = (await Promise.all(HOSTS.map(events))).join("\n");
    assert.doesNotMatch(told, /could not begin it|already exists/);
  });

  it("are made good within a minute when somebody prunes a standby, though the registry is gone", async () => {
    const standbys = new Set<string>();
    for (const name of NAMES) {
      await untilProtected(name);
      for (const { host } of (await containerStatus(lab, name)).standbys) standbys.add(host);
    }
    const kept = "ls /var/lib/container-ha/images/kept-*.tar";
    for (const host of standbys)
      await until(async () => (await lab.tryExec(host, kept)).code === 0, `images kept on ${host}`, 90_000);
    const prune = (engine: string) =>
      `${engine} system prune --all --force; ${engine} network prune --force; true`;
    for (const host of standbys) {
      await lab.exec(host, `cp /etc/hosts ${HOSTS_BEFORE}; ${hideRegistry}`);
      await lab.exec(host, `${prune("podman")}; ${prune("docker")}`);
    }
    for (const name of NAMES) {
      const { standbys: now } = await containerStatus(lab, name);
      for (const { host } of now) {
        const exists = `${CONTAINERS[name]} container inspect ha-${name}`;
        await until(
          async () => (await lab.tryExec(host, exists)).code === 0,
          `a copy of ${name} on ${host} again`,
          90_000,
        );
      }
      await untilProtected(name);
    }
    for (const host of standbys) await lab.exec(host, `cat ${HOSTS_BEFORE} >/etc/hosts`);
  });

  it("leave a container to a standby, with its memory, when docker hangs and its process dies", async () => {
    const primary = await remember("three");
    const pid = await pidOf(primary, "three");
    await lab.exec(primary, `kill -STOP $(pidof dockerd); kill -KILL ${pid}`);
    await untilElsewhere("three", primary);
    assert.match(await events(primary), /docker does not work on/);
    await lab.exec(primary, "kill -CONT $(pidof dockerd)");
    await untilProtected("three");
  });

  it("leave a container to a standby, with its memory, when podman fails whatever it is asked", async () => {
    const primary = await remember("one");
    const pid = await pidOf(primary, "one");
    const fails =
      "printf '#!/bin/sh\\nexit 125\\n' >/usr/local/sbin/podman && chmod +x /usr/local/sbin/podman";
    await lab.exec(primary, `${fails}; kill -KILL ${pid}`);
    await untilElsewhere("one", primary);
    const status = await untilGroup(lab, {
      what: "a sentence about it",
      limitMs: 60_000,
      holds: ({ hosts }) => hosts.some(({ name, engineFaults }) => name === primary && engineFaults.podman),
    });
    assert.ok(status.quorum);
    await lab.exec(primary, "rm /usr/local/sbin/podman");
    await untilProtected("one");
  });

  it("restore a crashed container whose conmon somebody has killed", async () => {
    const primary = await remember("one");
    const pid = await pidOf(primary, "one");
    await lab.exec(primary, "pkill -KILL -x conmon");
    await lab.exec(primary, `kill -KILL ${pid}`);
    await untilContainer(lab, "one", {
      what: "a new beginning",
      limitMs: 60_000,
      holds: ({ phase }) => phase === "RUNNING",
    });
    await until(
      async () => (await redisCommand(addressOf("one"), "GET", "kept").catch(() => "")) === "yes",
      "its memory",
      60_000,
    );
  });

  it("keep no agent from the others with a copy that they tell nothing useful of", async () => {
    const primary = await remember("one");
    const { primary: docked } = await containerStatus(lab, "three");
    const host = HOSTS.find((name) => name !== primary && name !== docked)!;
    const store = `{"features": {"containerd-snapshotter": true}, "insecure-registries": ["registry.lab:5000"]}`;
    await lab.exec(host, `echo '${store}' >/etc/docker/daemon.json && systemctl restart docker`);
    const labels = "--label container-ha.group=g --label container-ha.container=odd";
    const made = await lab.tryExec(host, `docker create ${labels} ${IMAGE}`);
    assert.equal(made.code, 0, made.stderr);
    await lab.exec(host, "systemctl restart container-ha-agent");
    await until(
      async () => (await groupStatus(lab, [host]).catch(() => null))?.quorum === true,
      "the agent's answer",
      30_000,
    );
    await until(
      async () =>
        !(await lab.exec(host, "docker ps --all --format '{{.Label \"container-ha.container\"}}'")).includes(
          "odd",
        ),
      "the copy is removed",
      30_000,
    );
    assert.equal(
      (await lab.exec(host, "systemctl show --property NRestarts --value container-ha-agent")).trim(),
      "0",
    );
    await untilGroup(lab, {
      what: "what docker lacks is told",
      limitMs: 60_000,
      holds: ({ hosts }) =>
        hosts.some(
          ({ name, engineFaults }) => name === host && /experimental/.test(engineFaults.docker ?? ""),
        ),
    });
    assert.equal(await redisCommand(addressOf("one"), "GET", "kept"), "yes");
  });
});
