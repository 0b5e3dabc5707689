import assert from "node:assert/strict";
import { type Event, realMac } from "../../provider/contract";
import type { GroupHandle } from "../../provider/group-handle";
import { closeAll } from "../../provider/ssh/pool";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { connectionsTo, create, type Resource } from "../support/handlers";
import { labSuite } from "../support/lab";
import { redisCommand } from "../support/redis-client";
import { until } from "../support/until";

const members = ["ha1", "ha2"];
const all = [...members, "ha3"];
const engines = { redis: "podman", cache: "docker" } as const;
type Name = keyof typeof engines;
const names = Object.keys(engines) as Name[];

/** While the file holds something it starts what leaves its parent, and does not end. */
const asks = "test -s /hang || exit 0; echo >>/asked; (sleep 4321 &); sleep 4321";

/** What somebody may do to a host without meaning the containers on it. */
const changes: Record<string, string> = {
  "deletes the probe's shim": "ip link delete ha-probe",
  "deletes the probe's routing rule": "ip rule delete priority 7077",
  "sets the probe's shim down": "ip link set ha-probe down",
  "flushes the probe's address": "ip address flush dev ha-probe",
  "flushes the probe's routing table": "ip route flush table 7077",
  "flushes all neighbours, also the permanent ones": "ip neighbour flush nud permanent",
  "deletes the shim of local clients": "ip link delete ha-local",
  "changes a setting of a shim": "echo 1 >/proc/sys/net/ipv4/conf/ha-probe/rp_filter",
  "removes every rule and route that is not his, as systemd-networkd does":
    "ip rule delete priority 7077; ip route flush table 7077; ip route flush dev ha-local",
  "takes the group's interface down and up again": "ip link set eth0 down; ip link set eth0 up",
};

/** What the agent made on a host, without what differs each time it is made. */
const made = [
  "ip -brief link show type macvlan | cut -d@ -f1 | sort",
  "cat /proc/sys/net/ipv4/conf/ha-*/rp_filter",
  "ip rule show priority 7077",
  "ip -brief address show dev ha-probe",
  "ip route show table 7077",
  "ip route show dev ha-local",
  "ip neighbour show nud permanent | sort",
].join("; ");

labSuite("a host whose network is changed by somebody else", { hosts: 3, timeoutMs: 120_000 }, (lab) => {
  const epochs = new Map<Name, number>();
  let primary = "";
  const addressOf = (name: Name) => `${lab.subnet}.${100 + names.indexOf(name)}`;

  before("protect a container of each engine on one host", async function () {
    this.timeout(240_000);
    if (!lab.hosts) return;
    const { outs: group } = await create("HaGroup", {
      name: "g",
      stack: "shop/dev",
      hosts: all.map((name) => ({
        name,
        address: lab.host(name).address,
        role: members.includes(name) ? "member" : "witness",
      })),
      connections: connectionsTo(all.map(lab.host)),
    });
    const { handle } = group;
    for (const name of members) await create("HeartbeatAgent", { name, host: name, group: "g", handle });
    for (const name of names) await createContainer(name, handle as GroupHandle);
    primary = "ha1";
  });
  afterEach(closeAll);

  function createContainer(name: Name, handle: GroupHandle): Promise<Resource> {
    const often = { interval: 1, timeout: 1, retries: 2 };
    return create("ProtectedContainer", {
      ...{ name, stack: "shop/dev", group: "g", handle, image: "registry.lab:5000/redis-lab" },
      engine: engines[name],
      virtualIps: [addressOf(name)],
      preferredHost: "ha1",
      probes: [
        { tcp: { port: 6379 }, ...often },
        { exec: ["sh", "-c", asks], ...often, retries: 100 },
      ],
    });
  }
  const protectedAgain = (name: Name) =>
    untilContainer(lab, name, { what: "protection", limitMs: 60_000, holds: isProtected });
  async function events(): Promise<Event[]> {
    const lines = await lab.exec(primary, "container-ha events --json --limit 1000");
    return lines
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }
  const told = async (kind: string, container?: string) =>
    (await events()).filter((event) => event.kind === kind && event.container === container);
  const sleepers = async () => Number(await lab.exec(primary, "pgrep -fxc 'sleep 4321' || true"));

  it("keeps memory and epoch of what runs there, whatever is taken away; all is made again within seconds, and told", async function () {
    this.timeout(240_000);
    for (const name of names) {
      await redisCommand(addressOf(name), "SET", "kept", "yes");
      epochs.set(name, (await protectedAgain(name)).epoch);
    }
    const before = await lab.exec(primary, made);
    for (const [what, change] of Object.entries(changes)) {
      const count = (await told("host")).length;
      await lab.exec(primary, change);
      const makes = async () => (await lab.exec(primary, made)) === before;
      await until(makes, `somebody ${what}: all is as before`, 8_000);
      // What was there again by itself is no repair.
      if (!what.includes("interface"))
        await until(async () => (await told("host")).length > count, `somebody ${what}: an event`, 5_000);
    }
    for (const name of names) {
      const status = await protectedAgain(name);
      assert.deepEqual([status.epoch, status.primary], [epochs.get(name), primary]);
      assert.equal(await redisCommand(addressOf(name), "GET", "kept"), "yes");
      for (const { sentence } of await told("probe", name)) assert.doesNotMatch(sentence, /its probe failed/);
    }
  });

  it("says so where it cannot ask an application, and leaves it as it is", async () => {
    const unreachable = "from 169.254.77.1 unreachable priority 100";
    const before = (await told("probe", "redis")).length;
    await lab.exec(primary, `ip rule add ${unreachable}`);
    const status = await untilContainer(lab, "redis", {
      what: "a sentence",
      limitMs: 20_000,
      holds: ({ degraded }) => degraded !== null && /cannot ask it/.test(degraded),
    });
    assert.match(
      status.degraded!,
      /^ha1 cannot ask it .* by a fault of this host and not its own: TCP port 6379/,
    );
    await lab.exec(primary, `ip rule delete ${unreachable}`);
    const after = await protectedAgain("redis");
    assert.equal(after.epoch, epochs.get("redis"));
    const [begun, ended, ...more] = (await told("probe", "redis")).slice(before);
    assert.match(begun!.sentence, /cannot ask it/);
    assert.match(ended!.sentence, /can ask it again/);
    assert.deepEqual(more, []);
  });

  it("makes the engines' networks again", async () => {
    // With its containers, on the host where none runs; the other host prepares them again.
    await lab.exec("ha2", "podman network rm --force container-ha; docker network prune --force");
    const engineKnows = (engine: string) => async () =>
      (await lab.tryExec("ha2", `${engine} network inspect container-ha`)).code === 0;
    for (const engine of Object.values(engines))
      await until(engineKnows(engine), `${engine} has the network again`, 90_000);
  });

  it("mends what somebody changed inside a container", async () => {
    for (const name of names) {
      const pid = (await lab.exec(primary, `${engines[name]} inspect -f '{{.State.Pid}}' ha-${name}`)).trim();
      const inside = `nsenter -t ${pid} -n ip`;
      await lab.exec(
        primary,
        `${inside} neighbour flush nud permanent; ${inside} link set eth0 address 02:00:00:00:12:34`,
      );
      const mac = async () =>
        (await lab.exec(primary, `${inside} -brief link show eth0`)).includes(realMac("g", name));
      await until(mac, `${name} has its MAC again`, 8_000);
      assert.equal(await redisCommand(addressOf(name), "GET", "kept"), "yes");
      assert.equal((await containerStatus(lab, name)).epoch, epochs.get(name));
    }
  });

  for (const name of names) {
    it(`ends what a probe of ${engines[name]} started, when its time is over and when the agent dies`, async () => {
      // An engine enters no container that is frozen, as it is for a moment by each checkpoint.
      const inside = async (command: string) => {
        let output = "";
        const isIn = async () => {
          const result = await lab.tryExec(primary, `${engines[name]} exec ha-${name} sh -c '${command}'`);
          output = result.stdout;
          return result.code === 0;
        };
        await until(isIn, `${command} in ${name}`, 10_000);
        return output;
      };
      await inside("echo yes >/hang");
      const timesAsked = async () => (await inside("cat /asked || true")).length;
      await until(async () => (await timesAsked()) >= 4, "four probes that hang", 30_000);
      assert.ok((await sleepers()) <= 2, "only those of the probe that is asked now");
      // Killed while one is asked.
      const agent = "systemctl kill --signal KILL container-ha-agent";
      await lab.exec(primary, `timeout 10 sh -c "until pgrep -fx 'sleep 4321'; do :; done; ${agent}"`);
      assert.ok((await sleepers()) > 0, "the agent's death ended none of them");
      await inside(": >/hang");
      await until(async () => (await sleepers()) === 0, "nothing is left of any probe", 20_000);
      assert.equal((await containerStatus(lab, name)).epoch, epochs.get(name));
    });
  }
});
