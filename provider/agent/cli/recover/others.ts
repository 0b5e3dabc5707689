import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { createSecureContext } from "node:tls";
import { type GroupConfig, type GroupHost, hostPort, paths } from "../../../contract";
import { createEndpoint } from "../../env/etcd/endpoint";
import { methods } from "../../env/etcd/schema";
import type { Voters } from "../no-quorum";
import type { OtherVoter } from "./plan";

const ANSWER_MS = 2000;

/** The hosts whose etcd is a voter, as of the last `up`. */
export function votersIn({ policy }: GroupConfig): GroupHost[] {
  const addresses = policy.etcdEndpoints.map((endpoint) =>
    new URL(`https://${endpoint}`).hostname.replace(/^\[|\]$/g, ""),
  );
  return policy.hosts.filter((host) => addresses.includes(host.address));
}

/** Which voters run an etcd that can be reached from here, the own one among them. */
export async function lookAtVoters(config: GroupConfig): Promise<Voters> {
  const { etcdPeer } = config.policy.ports;
  const seen = await Promise.all(
    votersIn(config).map(async ({ name, address }) => ({
      name,
      runs: (await connectTo(address, etcdPeer)) === "open",
    })),
  );
  const names = (runs: boolean) => seen.filter((voter) => voter.runs === runs).map(({ name }) => name);
  return { runs: names(true), missing: names(false) };
}

/** How the other voters are: on, running, and up to which revision they know. */
export function lookAtOthers(config: GroupConfig): Promise<OtherVoter[]> {
  const { ports } = config.policy;
  const others = votersIn(config).filter(({ name }) => name !== config.host);
  return Promise.all(
    others.map(async ({ name, address }): Promise<OtherVoter> => {
      const answers = await Promise.all([ports.etcdPeer, ports.peer].map((port) => connectTo(address, port)));
      const runs = answers[0] === "open";
      const revision = runs ? await revisionOf(config, hostPort(address, ports.etcdClient)) : null;
      return { name, on: answers.some((answer) => answer !== "silent"), runs, revision };
    }),
  );
}

/** What the member at `endpoint` says of itself; null: it does not answer. */
export async function revisionOf(config: GroupConfig, endpoint: string): Promise<number | null> {
  const [ca, cert, key] = await Promise.all(
    [paths.tls.ca, paths.tls.cert, paths.tls.key].map((path) => readFile(path, "utf8")),
  );
  const secureContext = createSecureContext({ ca, cert, key });
  const one = createEndpoint({ address: endpoint, serverName: config.etcdServerName, secureContext });
  try {
    return (await one.call(methods.status, {}, ANSWER_MS)).header.revision;
  } catch {
    return null;
  } finally {
    one.close();
  }
}

function connectTo(host: string, port: number): Promise<"open" | "refused" | "silent"> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_MS });
    const end = (answer: "open" | "refused" | "silent") => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end("open"));
    socket.once("timeout", () => end("silent"));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      end(error.code === "ECONNREFUSED" ? "refused" : "silent"),
    );
  });
}
