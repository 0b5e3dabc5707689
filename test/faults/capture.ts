import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Lab } from "../lab/lab";
import { labNames } from "../lab/names";
import type { Answer } from "./judge";
import { payloadOf, readPackets } from "./pcap";

/** Everything that hosts send from the addresses, as seen on each host's own cable at the switch. */
export interface Capture {
  /** What was captured since the last call, in the order of time, by address. */
  take(address: string): Answer[];
  stop(): Promise<void>;
}

/**
 * One capture on all ports of the switch, so that it outlives hosts that are switched off and on: their ports come
 * back under new numbers, which a monitor tells.
 */
export async function startCapture(lab: Lab, addresses: string[]): Promise<Capture> {
  const { switchNetns } = labNames(lab.id);
  const inSwitch = (argv: string[]) =>
    spawn("ip", ["netns", "exec", switchNetns, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const hosts = new Map<number, string>();
  const monitor = inSwitch(["ip", "-o", "monitor", "link"]);
  readPorts(monitor.stdout, lab, hosts);
  const links = inSwitch(["ip", "-o", "link"]);
  readPorts(links.stdout, lab, hosts);
  await ended(links);

  const filter = addresses.map((address) => `src host ${address}`).join(" or ");
  // The direction matters: on a port of the switch, `in` is what the host sent.
  const dump = inSwitch([
    ...["tcpdump", "-i", "any", "-y", "LINUX_SLL2", "-Q", "in", "-n", "-U", "-s", "256"],
    ...["--time-stamp-precision=nano", "--immediate-mode", "-B", "8192", "-w", "-", filter],
  ]);
  const taken = new Map<string, Answer[]>(addresses.map((address) => [address, []]));
  readPackets(dump.stdout, ({ at, interfaceIndex, ip }) => {
    const host = hosts.get(interfaceIndex);
    if (host === undefined) return;
    const { source, protocol, text } = payloadOf(ip);
    taken.get(source)?.push({ at, host, protocol, ...stateIn(text) });
  });
  await listening(dump);
  return {
    take(address) {
      const answers = taken.get(address) ?? [];
      taken.set(address, []);
      return answers;
    },
    async stop() {
      for (const child of [dump, monitor]) {
        child.kill("SIGINT");
        await ended(child);
      }
    },
  };
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** `7: ha1@if2: <...`; lines about a port that goes begin with `Deleted` and change nothing. */
function readPorts(output: Readable, lab: Lab, hosts: Map<number, string>): void {
  const known = new Set(lab.hosts.map(({ name }) => name));
  let rest = "";
  output.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const port = /^(\d+): ([^:@]+)/.exec(line);
      if (port && known.has(port[2]!)) hosts.set(Number(port[1]), port[2]!);
    }
  });
}

/** `counter before chain past request`; null where the packet holds no whole answer. */
function stateIn(text: string): { state: Answer["state"] } {
  const match = /^(\d+) (\w{16}) (\w{16}) (\w{16}) \S+\n/.exec(text);
  if (!match) return { state: null };
  return { state: { counter: Number(match[1]), before: match[2]!, chain: match[3]!, past: match[4]! } };
}

function listening(child: Child): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("listening on")) resolve();
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`tcpdump ended with code ${code}: ${said}`)));
  });
}

function ended(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("close", () => resolve()));
}
