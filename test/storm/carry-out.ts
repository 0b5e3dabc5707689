import { setTimeout as sleep } from "node:timers/promises";
import { type CtlRequest, ctlReplySchema, parseJson, units } from "../../provider/contract";
import { portsSchema } from "../../provider/contract/group-config";
import { emptyCommand, fillCommand } from "../faults/disks";
import { insideRunning } from "../faults/inside";
import { signalCommands } from "../faults/processes";
import { cutPorts, dropTraffic } from "../faults/traffic";
import { signalUnit } from "../lab/cgroup";
import type { Lab } from "../lab/lab";
import { labNames } from "../lab/names";
import { allLive, containerStatus, groupStatus } from "../support/group";
import { until } from "../support/until";
import type { Trouble } from "./plan";
import { STACK, type Stage } from "./stage";

const { etcdClient, etcdPeer } = portsSchema.parse({});
/** A drain moves one container after the other. */
const COMMAND_LIMIT_MS = 180_000;
const POWER_LIMIT_MS = 60_000;
/** Busy loops, more than this machine has processors. */
const LOOPS = 2;

type Of<K extends Trouble["kind"]> = Extract<Trouble, { kind: K }>;

/** Why it cannot be done just now, one sentence; null: it can. */
export async function whyNot(trouble: Trouble, { lab }: Stage): Promise<string | null> {
  if (trouble.kind === "power-cut" || trouble.kind === "isolation") return whyNeeded(trouble.host, lab);
  if ("host" in trouble && lab.power(trouble.host) !== "running") return `${trouble.host} is off`;
  return null;
}

/** A group of three bears the loss of one host. */
async function whyNeeded(host: string, lab: Lab): Promise<string | null> {
  const status = await groupStatus(lab);
  if (allLive(status)) return null;
  const missing = status.hosts.filter(({ state }) => state !== "live").map(({ name }) => name);
  return `${host} is needed while ${missing.join(" and ")} is not live`;
}

/** Does it and resolves when it is over; an error says that it came to nothing, and why: the product refused. */
export async function carryOut(trouble: Trouble, stage: Stage): Promise<void> {
  const { lab } = stage;
  switch (trouble.kind) {
    case "store-hiccup":
      return hiccup(trouble, lab);
    case "power-cut":
      await lab.kill(trouble.host);
      await sleep(trouble.forMs);
      return lab.start(trouble.host);
    case "isolation":
      await lab.isolate(trouble.host, { direction: trouble.direction });
      await sleep(trouble.forMs);
      return lab.heal();
    case "kill":
      return insideRunning(lab, trouble.host, signalCommands[trouble.process]("KILL"));
    case "disk-full":
      await insideRunning(lab, trouble.host, fillCommand(trouble.disk));
      await sleep(trouble.forMs);
      // It stays full over a power cut.
      await until(() => lab.power(trouble.host) === "running", `${trouble.host} on again`, POWER_LIMIT_MS);
      return insideRunning(lab, trouble.host, emptyCommand(trouble.disk));
    case "stress":
      return insideRunning(lab, trouble.host, stressCommand(trouble));
    case "move":
      return move(trouble, lab);
    case "drain":
      return operate(lab, `container-ha drain ${trouble.host} --partial`);
    case "checkpoint":
      return operate(lab, `container-ha checkpoint ${trouble.container}`);
    case "schedule":
      return setSchedule(trouble, lab);
    case "up":
      await stage.declare({ intervalsMs: trouble.intervalsMs, maintenance: trouble.host });
      return stage.declare({ intervalsMs: trouble.intervalsMs, maintenance: null });
  }
}

/** Stops and goes on without a program in between, which would take longer than the shortest of them. */
async function hiccup({ hosts, by, forMs }: Of<"store-hiccup">, lab: Lab): Promise<void> {
  if (by === "cut") {
    await dropTraffic(
      lab,
      hosts.flatMap((host) => cutPorts(host, [etcdClient, etcdPeer])),
    );
    await sleep(forMs);
    return dropTraffic(lab, []);
  }
  const names = labNames(lab.id);
  for (const host of hosts) signalUnit(names, { host, unit: units.etcd, signal: "SIGSTOP" });
  await sleep(forMs);
  for (const host of hosts) signalUnit(names, { host, unit: units.etcd, signal: "SIGCONT" });
}

function stressCommand({ of, forMs }: Of<"stress">): string {
  const seconds = forMs / 1000;
  const loop =
    of === "processor"
      ? ":"
      : "dd if=/dev/zero of=/var/lib/etcd/.stress bs=1M count=64 conv=fdatasync status=none";
  const all = `for n in $(seq ${of === "processor" ? LOOPS : 1}); do while :; do ${loop}; done & done; wait`;
  return `timeout -k 1 ${seconds} bash -c '${all}'; rm -f /var/lib/etcd/.stress`;
}

async function move({ container, to }: Of<"move">, lab: Lab): Promise<void> {
  const { primary } = await containerStatus(lab, container);
  const names = lab.hosts.map(({ name }) => name);
  const target = to === primary ? names[(names.indexOf(to) + 1) % names.length]! : to;
  return operate(lab, `container-ha migrate ${container} --to ${target}`);
}

/** What an `up` with another schedule asks for. */
async function setSchedule({ container, intervalMs }: Of<"schedule">, lab: Lab): Promise<void> {
  const request: CtlRequest = {
    op: "set-schedule",
    name: container,
    schedule: { intervalMs, retain: 1, stack: STACK },
  };
  const host = reachable(lab);
  const { stdout } = await lab.tryExec(host, "container-ha ctl", { input: JSON.stringify(request) });
  const reply = parseJson(ctlReplySchema, stdout, `the reply of ${host}`);
  if (!reply.ok) throw new Error(reply.message);
}

/** The operator's command line, on a host that an operator would take. */
async function operate(lab: Lab, command: string): Promise<void> {
  const host = reachable(lab);
  const { code, stdout, stderr } = await lab.tryExec(host, command, { timeoutMs: COMMAND_LIMIT_MS });
  if (code !== 0) throw new Error(`${host}: ${command}: ${(stderr || stdout).trim()}`);
}

function reachable(lab: Lab): string {
  const cut = lab.cuts().flatMap(({ from, to }) => [from, to]);
  const host = lab.hosts.find(({ name }) => lab.power(name) === "running" && !cut.includes(name));
  if (!host) throw new Error("no host can be reached");
  return host.name;
}
