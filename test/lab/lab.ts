import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Power, powerOf, setFrozen } from "./cgroup";
import { type BuiltImage, buildImage, type ImageSpec, writeArchive } from "./image";
import { cutPower, fileInside, insideHost, startHost } from "./machine";
import { labNames } from "./names";
import { applyCuts, type Cut, machinePort } from "./network";
import { labScript } from "./paths";
import { pushImage, registryHost } from "./registry";
import { type Remote, remote } from "./remote";
import { type RunOptions, type RunResult, run } from "./run";
import { type LabState, readState, stateFolder, writeState } from "./state";
import { hostAddress, machineAddress } from "./subnet";

/** One test host as a Pulumi program or a test needs it. */
export interface LabHost {
  name: string;
  address: string;
  sshPort: number;
  /** The key lets in root, and also `ops`, who may sudo without password. */
  user: string;
  privateKeyPath: string;
  /** Public host key, `ssh-ed25519 AAAA...`. */
  hostKey: string;
  machineId: string;
}

export interface Lab {
  id: string;
  /** Folder with the lab's keys, disks and logs; `down` removes it. */
  folder: string;
  /** First three bytes of the network, for example `10.77.3`. Addresses .100 to .199 are free for virtual IPs. */
  subnet: string;
  /** Address of this machine on the lab's network: where clients connect from. */
  clientAddress: string;
  hosts: LabHost[];
  host(name: string): LabHost;

  /** Runs a shell command over ssh as root and returns its output; one that fails is an error. */
  exec(host: string, command: string, options?: RunOptions): Promise<string>;
  /** Like `exec`, but a command that fails is a result. */
  tryExec(host: string, command: string, options?: RunOptions): Promise<RunResult>;
  /** Runs a shell command in the host without its network: for hosts that are cut off. */
  inside(host: string, command: string, options?: RunOptions): Promise<RunResult>;

  /** A file of a host that is on, by its path there, as this machine reaches it: also a socket. */
  fileInside(host: string, path: string): string;

  power(host: string): Power;
  /** Power cut: carrier gone, then every process ended at once. Resolves to the time (ms, Unix) of the cut. */
  kill(host: string): Promise<number>;
  /** Boots a host that is off: same disk, empty /run, a new boot_id. Resolves when its units are up. */
  start(host: string): Promise<void>;
  /** Stops all processes of the host at once; the kernel's timers and its network stack go on. */
  pause(host: string): Promise<void>;
  resume(host: string): Promise<void>;

  /**
   * Loses the frames between the host and the rest (or only `from` another host, or `machine`).
   * `direction`: `both` (default), `out` (what the host sends is lost) or `in` (what it should hear is lost).
   */
  isolate(host: string, options?: { from?: string; direction?: "both" | "out" | "in" }): Promise<void>;
  /** Ends all isolation. */
  heal(): Promise<void>;
  cuts(): Cut[];

  /** Builds an image and puts it into the lab's registry; returns its name for hosts and its id. */
  pushImage(name: string, spec: ImageSpec, tag?: string): Promise<{ image: string; id: string }>;
  /** Writes an image as a docker-archive on this machine; returns its id. */
  writeArchive(name: string, spec: ImageSpec, file: string): Promise<{ id: string }>;

  /** Journal of the host, read from its disk, so that it works for a host that is off. */
  logs(host: string, options?: { lines?: number; unit?: string }): Promise<string>;
  /** Closes the ssh connections; the hosts go on. */
  close(): void;
  /** Lets the lab outlive the process that made it. */
  disown(): void;
  /** Ends the hosts and removes everything of the lab from this machine. */
  down(): Promise<void>;
}

/** The lab with this id as it is now, or undefined when there is none. */
export function openLab(id: string): Lab | undefined {
  return readState(id) === undefined ? undefined : labOf(id);
}

/** Removes everything of a lab, also what a crash left behind. */
export async function removeLab(id: string): Promise<void> {
  await run(["bash", labScript("clear-lab.sh"), labNames(id).key, stateFolder(id)]);
}

function labOf(id: string): Lab {
  const names = labNames(id);
  const folder = stateFolder(id);
  const state = (): LabState => {
    const found = readState(id);
    if (found === undefined) throw new Error(`lab ${id} is gone: somebody took it down`);
    return found;
  };
  const { subnet } = state();
  const privateKeyPath = join(folder, "id_ed25519");
  const remotes = new Map<string, Remote>();

  const hostState = (name: string) => {
    const known = state().hosts;
    const found = known.find((host) => host.name === name);
    if (found === undefined) {
      throw new Error(`lab ${id} has no host "${name}"; it has ${known.map((host) => host.name).join(", ")}`);
    }
    return found;
  };
  const hosts = (): LabHost[] =>
    state().hosts.map((host) => ({
      name: host.name,
      address: hostAddress(subnet, host.index),
      sshPort: 22,
      user: "root",
      privateKeyPath,
      hostKey: host.hostKey,
      machineId: host.machineId,
    }));
  const host = (name: string): LabHost => {
    const { index } = hostState(name);
    return hosts().find((one) => one.address === hostAddress(subnet, index))!;
  };
  const remoteOf = (name: string): Remote => {
    const found = remotes.get(name);
    if (found !== undefined) return found;
    const target = host(name);
    const created = remote({
      ...target,
      port: target.sshPort,
      privateKey: readFileSync(privateKeyPath, "utf8"),
    });
    remotes.set(name, created);
    return created;
  };
  const disconnect = (name: string) => {
    remotes.get(name)?.close();
    remotes.delete(name);
  };
  const setCuts = async (cuts: Cut[]) => {
    await applyCuts(names, cuts);
    writeState({ ...state(), cuts });
  };

  const lab: Lab = {
    id,
    folder,
    subnet,
    clientAddress: machineAddress(subnet),
    get hosts() {
      return hosts();
    },
    host,

    async exec(name, command, options) {
      const result = await lab.tryExec(name, command, options);
      if (result.code === 0) return result.stdout;
      const why = (result.stderr || result.stdout).trim().split("\n").slice(-5).join("\n");
      throw new Error(`${name}: ${command}: ended with ${result.code ?? "a signal"}\n${why}`);
    },
    tryExec: (name, command, options) => remoteOf(name).tryExec(command, options),
    inside: (name, command, options) => insideHost(names, hostState(name).name, command, options),

    fileInside: (name, path) => fileInside(names, hostState(name).name, path),

    power: (name) => powerOf(names, hostState(name).name),
    async kill(name) {
      const at = await cutPower(names, hostState(name).name);
      disconnect(name);
      return at;
    },
    async start(name) {
      disconnect(name);
      await startHost({ names, subnet, folder, host: hostState(name) });
    },
    pause: (name) => setFrozen(names, hostState(name).name, true),
    resume: (name) => setFrozen(names, hostState(name).name, false),

    async isolate(name, { from, direction = "both" } = {}) {
      const port = hostState(name).name;
      const other = from === undefined ? "*" : from === machinePort ? from : hostState(from).name;
      const lost: Cut[] = [];
      if (direction !== "in") lost.push({ from: port, to: other });
      if (direction !== "out") lost.push({ from: other, to: port });
      await setCuts([...state().cuts, ...lost]);
    },
    heal: () => setCuts([]),
    cuts: () => state().cuts,

    async pushImage(name, spec, tag = "latest") {
      const image: BuiltImage = await buildImage(spec);
      await pushImage(image, { address: lab.clientAddress, name, tag });
      return { image: `${registryHost}/${name}:${tag}`, id: image.id };
    },
    async writeArchive(name, spec, file) {
      const image = await buildImage(spec);
      await writeArchive(image, { name, file });
      return { id: image.id };
    },

    async logs(name, { lines = 100, unit } = {}) {
      const journal = join(folder, "hosts", hostState(name).name, "up/var/log/journal");
      const filter = unit === undefined ? [] : ["-u", unit];
      return run([
        "journalctl",
        "-D",
        journal,
        "--no-pager",
        "-o",
        "short-precise",
        "-n",
        String(lines),
        ...filter,
      ]);
    },
    close() {
      for (const name of [...remotes.keys()]) disconnect(name);
    },
    disown() {
      const { owner: _, ...rest } = state();
      writeState(rest);
    },
    async down() {
      lab.close();
      await removeLab(id);
    },
  };
  return lab;
}
