import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCgroup, powerOf } from "./cgroup";
import { createHostDisk, hostsFile, type Neighbour, writeHostsFile } from "./host-disk";
import { redisImage } from "./image";
import { generateKeyPair } from "./key-pair";
import { type Lab, openLab, removeLab } from "./lab";
import { insideHost, startHost } from "./machine";
import { checkHostName, defaultHostNames, type LabNames, labNames } from "./names";
import { applyCuts, createSwitch, machineRoutes } from "./network";
import { thisProcess } from "./owner";
import { labsFolder } from "./paths";
import { startRegistry } from "./registry";
import { type LabState, readState, stateFolder, writeState } from "./state";
import { chooseSubnet, hostAddress, machineAddress } from "./subnet";

export interface UpOptions {
  id: string;
  /** How many hosts (ha1, ha2 ...) or their names. */
  hosts: number | string[];
  /** Whether the lab is abandoned when this process has ended. Default: false. */
  owned?: boolean;
  /** Told about each step, with the seconds it took. */
  onStep?: (step: string, seconds: number) => void;
}

/** Brings a lab to at least these hosts, all running; one that is up already only gets what it lacks. */
export async function upLab(options: UpOptions): Promise<Lab> {
  const wanted = typeof options.hosts === "number" ? defaultHostNames(options.hosts) : options.hosts;
  for (const name of wanted) checkHostName(name);
  const names = labNames(options.id);
  const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    options.onStep?.(what, (performance.now() - started) / 1000);
    return result;
  };

  if (!isWhole(options.id, names)) {
    await removeLab(options.id);
    await step("network and registry", () => createLab(options, names));
  }
  await addDisks(options.id, wanted);

  const lab = openLab(options.id)!;
  const { subnet, hosts } = readState(options.id)!;
  const off = hosts.filter((host) => lab.power(host.name) === "off");
  await Promise.all([
    step("image redis-lab in the registry", () => lab.pushImage("redis-lab", redisImage)),
    ...off.map((host) =>
      step(`${host.name} booted`, () => startHost({ names, subnet, folder: lab.folder, host })),
    ),
  ]);
  return lab;
}

function isWhole(id: string, names: LabNames): boolean {
  return readState(id) !== undefined && existsSync(join("/run/netns", names.switchNetns));
}

async function createLab({ id, owned }: UpOptions, names: LabNames): Promise<void> {
  const taken = [...(await machineRoutes()), ...otherLabs(id).map((state) => `${state.subnet}.0/24`)];
  const subnet = chooseSubnet(names.key, taken);
  const folder = stateFolder(id);
  mkdirSync(folder, { recursive: true });
  const key = generateKeyPair({ comment: `lab ${id}` });
  writeFileSync(join(folder, "id_ed25519"), key.private, { mode: 0o600 });
  writeFileSync(join(folder, "id_ed25519.pub"), `${key.public}\n`);
  await createSwitch(names, subnet);
  await applyCuts(names, []);
  const registry = join(folder, "registry");
  await startRegistry({
    folder: registry,
    address: machineAddress(subnet),
    cgroup: createCgroup(names, "registry"),
  });
  // Last, so that a lab that has a state is whole.
  writeState({ id, subnet, hosts: [], cuts: [], ...(owned ? { owner: thisProcess() } : {}) });
}

/** Disks for the hosts that the lab lacks, and the names of all hosts on all of them. */
async function addDisks(id: string, wanted: string[]): Promise<void> {
  const state = readState(id)!;
  const folder = stateFolder(id);
  const missing = wanted.filter((name) => !state.hosts.some((host) => host.name === name));
  if (missing.length === 0) return;
  const first = Math.max(0, ...state.hosts.map((host) => host.index)) + 1;
  const added = missing.map((name, offset) => ({ name, index: first + offset }));
  const neighbours = neighboursOf(state, added);
  const authorizedKey = readFileSync(join(folder, "id_ed25519.pub"), "utf8").trim();
  const disks = added.map((host) => ({
    ...host,
    ...createHostDisk({ folder: hostFolder(folder, host.name), name: host.name, authorizedKey, neighbours }),
  }));
  for (const host of state.hosts) await tellNeighbours(id, host.name, neighbours);
  const hosts = [...state.hosts, ...disks];
  writeState({ ...state, hosts });
  writeFileSync(join(folder, "known_hosts"), knownHosts({ ...state, hosts }));
}

/** A running host is told from within: its disk must not change below its file system. */
async function tellNeighbours(id: string, host: string, neighbours: Neighbour[]): Promise<void> {
  const names = labNames(id);
  if (powerOf(names, host) === "off") {
    writeHostsFile(hostFolder(stateFolder(id), host), neighbours);
  } else {
    await insideHost(names, host, "cat >/etc/hosts", { input: hostsFile(neighbours) });
  }
}

function neighboursOf(state: LabState, added: { name: string; index: number }[]): Neighbour[] {
  const hosts = [...state.hosts, ...added].map((host) => ({
    name: host.name,
    address: hostAddress(state.subnet, host.index),
  }));
  return [{ name: "registry.lab", address: machineAddress(state.subnet) }, ...hosts];
}

function knownHosts(state: LabState): string {
  return state.hosts
    .map(
      (host) => `${hostAddress(state.subnet, host.index)} ${host.hostKey.split(" ").slice(0, 2).join(" ")}\n`,
    )
    .join("");
}

function hostFolder(folder: string, name: string): string {
  return join(folder, "hosts", name);
}

function otherLabs(id: string): LabState[] {
  if (!existsSync(labsFolder())) return [];
  return readdirSync(labsFolder())
    .filter((other) => other !== id)
    .flatMap((other) => readState(other) ?? []);
}
