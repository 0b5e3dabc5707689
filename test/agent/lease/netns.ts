import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export const CONTAINER_MAC = "02:00:00:00:77:01";
export const CONTAINER = "10.77.0.10";
export const CLIENT = "10.77.0.1";
const CLIENT_MAC = "02:00:00:00:77:99";
/** The host's own way to its containers. */
export const SHIM = "10.77.0.2";
const SHIM_MAC = "02:00:00:00:77:98";
/** Where the container answers datagrams and accepts connections. */
export const PORT = 7000;

export interface LabNet {
  /** Runs nft on the host; returns what it prints. */
  nft(...args: string[]): string;
  nftShell: string[];
  /** Long-lived nft processes on the host. */
  nftPids(): number[];
  /** When the client asked, and when it asked what was answered; on the one monotonic clock of this machine. */
  asked: number[];
  answered: number[];
  /** Asks the container for a TCP connection; resolves when there is one. */
  connect(from: { address: typeof CLIENT | typeof SHIM; port: number }): Promise<void>;
  /** The container ends, and its network with it. */
  endContainer(): void;
  close(): void;
}

/** Why such a network cannot be made here, or null. */
export function whyNoNetns(): string | null {
  if (process.getuid?.() !== 0) return "a network namespace needs root";
  for (const program of ["ip", "nft"]) {
    try {
      execFileSync(program, ["-V"], { stdio: "ignore" });
    } catch {
      return `${program} is not installed`;
    }
  }
  return null;
}

/**
 * A host with eth0, a macvlan container on it that answers datagrams, and a client behind the wire that asks each 5 ms.
 * Three network namespaces of their own.
 */
export async function createLabNet(name: string): Promise<LabNet> {
  const [host, container, client] = ["host", "ct", "client"].map((part) => `${name}-${part}`) as [
    string,
    string,
    string,
  ];
  const children: ChildProcess[] = [];
  const close = () => {
    for (const child of children) child.kill("SIGKILL");
    for (const namespace of [host, container, client]) tolerant("netns", "delete", namespace);
  };
  try {
    for (const namespace of [host, container, client]) ip("netns", "add", namespace);
    ip("-n", host, "link", "add", "eth0", "type", "veth", "peer", "name", "wire", "netns", client);
    ip("-n", client, "link", "set", "wire", "address", CLIENT_MAC);
    ip("-n", host, "link", "add", "ct0", "link", "eth0", "type", "macvlan", "mode", "bridge");
    ip(
      "-n",
      host,
      "link",
      "add",
      "shim",
      "link",
      "eth0",
      "address",
      SHIM_MAC,
      "type",
      "macvlan",
      "mode",
      "bridge",
    );
    ip("-n", host, "address", "add", `${SHIM}/24`, "dev", "shim");
    ip("-n", host, "link", "set", "ct0", "netns", container);
    ip("-n", container, "link", "set", "ct0", "address", CONTAINER_MAC);
    ip("-n", container, "address", "add", `${CONTAINER}/24`, "dev", "ct0");
    ip("-n", client, "address", "add", `${CLIENT}/24`, "dev", "wire");
    for (const [namespace, link] of [
      [host, "eth0"],
      [host, "shim"],
      [container, "ct0"],
      [client, "wire"],
    ] as const) {
      ip("-n", namespace, "link", "set", link, "up");
    }
    // Fixed neighbours: the test measures the gate, not the pace of ARP.
    ip("-n", container, "neigh", "replace", CLIENT, "lladdr", CLIENT_MAC, "dev", "ct0");
    ip("-n", container, "neigh", "replace", SHIM, "lladdr", SHIM_MAC, "dev", "ct0");
    ip("-n", host, "neigh", "replace", CONTAINER, "lladdr", CONTAINER_MAC, "dev", "shim");
    ip("-n", client, "neigh", "replace", CONTAINER, "lladdr", CONTAINER_MAC, "dev", "wire");
  } catch (error) {
    close();
    throw error;
  }
  const inside = (namespace: string, script: string) => {
    const child = spawn("ip", ["netns", "exec", namespace, process.execPath, "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    return child;
  };
  const asked: number[] = [];
  const answered: number[] = [];
  const ready = [
    new Promise<void>((resolve) => inside(container, ECHO).stdout!.once("data", () => resolve())),
    new Promise<void>((resolve) =>
      createInterface({ input: inside(client, ASK).stdout! }).on("line", (line) => {
        const [what, time] = line.split(" ");
        if (what === "ready") resolve();
        else (what === "asked" ? asked : answered).push(Number(time));
      }),
    ),
  ];
  await Promise.all(ready);
  const nftShell = ["ip", "netns", "exec", host, "nft", "-i"];
  return {
    nft: (...args) =>
      execFileSync("ip", ["netns", "exec", host, "nft", ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      }),
    nftShell,
    nftPids: () =>
      execFileSync("ip", ["netns", "pids", host], { encoding: "utf8" })
        .split("\n")
        .filter(Boolean)
        .map(Number),
    asked,
    answered,
    async connect({ address, port }) {
      const namespace = address === SHIM ? host : client;
      await once(inside(namespace, connectFrom(address, port)).stdout!, "data");
    },
    endContainer: () => ip("-n", container, "link", "delete", "ct0"),
    close,
  };
}

const ECHO = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (text, from) => socket.send(text, from.port, from.address));
require("node:net").createServer().listen(${PORT}, "${CONTAINER}", () =>
  socket.bind(${PORT}, "${CONTAINER}", () => console.log("ready")),
);`;

const ASK = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (text) => process.stdout.write("answered " + text + "\\n"));
socket.on("error", () => {});
socket.bind(0, () => {
  console.log("ready");
  setInterval(() => {
    const now = String(Number(process.hrtime.bigint()) / 1e6);
    process.stdout.write("asked " + now + "\\n");
    socket.send(now, ${PORT}, "${CONTAINER}", () => {});
  }, 5);
});`;

function connectFrom(localAddress: string, localPort: number): string {
  const options = { host: CONTAINER, port: PORT, localAddress, localPort };
  return `require("node:net").connect(${JSON.stringify(options)}, () => console.log("connected"));`;
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

function tolerant(...args: string[]): void {
  try {
    ip(...args);
  } catch {
    // It was never made.
  }
}
