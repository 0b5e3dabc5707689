import { type ChildProcess, spawn } from "node:child_process";

/** A look from outside at who answers on an address: packets captured on each host's own link. */
export interface LinkWatch {
  /** Ends the captures and says what was seen. */
  stop(): Promise<Sightings>;
}

export interface Sightings {
  /** First and last time (Unix ms) at which each host sent a reply from the address with data. */
  spans: { host: string; first: number; last: number; packets: number }[];
  /** Whether two hosts answered in turns, or at the same time: spans of different hosts that overlap. */
  answeredByTwo: boolean;
}

/** One host's end of its cable, at the switch. */
export interface HostLink {
  host: string;
  netns: string;
  link: string;
}

/** Captures TCP replies with data from `address` on the links. */
export async function watchLinks(links: HostLink[], address: string): Promise<LinkWatch> {
  const captures = links.map((link) => capture(link, address));
  await Promise.all(captures.map((one) => one.ready));
  return {
    async stop() {
      const spans = await Promise.all(captures.map((one) => one.stop()));
      const seen = spans.filter((span) => span.packets > 0);
      const overlap = (a: (typeof seen)[number], b: (typeof seen)[number]) =>
        a.first <= b.last && b.first <= a.last;
      return {
        spans: seen,
        answeredByTwo: seen.some((a, index) => seen.slice(index + 1).some((b) => overlap(a, b))),
      };
    },
  };
}

function capture({ host, netns, link }: HostLink, address: string) {
  // The direction matters: on a bridge port, `in` is what the host sent.
  const filter = `src host ${address} and tcp and greater 60`;
  const capture = ["tcpdump", "-i", link, "-Q", "in", "-n", "-l", "-tt", filter];
  const child = spawn("ip", ["netns", "exec", netns, ...capture], { stdio: ["ignore", "pipe", "pipe"] });
  const span = { host, first: 0, last: 0, packets: 0 };
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const at = Number.parseFloat(line) * 1000;
      if (!Number.isFinite(at) || !/length [1-9]/.test(line)) continue;
      span.first ||= at;
      span.last = at;
      span.packets += 1;
    }
  });
  return { ready: listening(child), stop: () => ended(child).then(() => span) };
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("listening on")) resolve();
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`tcpdump ended with code ${code}: ${said}`)));
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGINT");
  });
}
