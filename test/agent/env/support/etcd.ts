import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createSecureContext } from "node:tls";
import { createEndpoint } from "../../../../provider/agent/env/etcd/endpoint";
import { methods } from "../../../../provider/agent/env/etcd/schema";
import { createStore, type EtcdStore } from "../../../../provider/agent/env/store";
import { until } from "../../../support/until";
import { type Authority, createAuthority, type TlsPaths } from "./certificates";

/** An etcd binary: `CONTAINER_HA_ETCD`, on the PATH, or in a root file system of test hosts. Null: none. */
export function etcdBinary(): string | null {
  const cache = join(
    process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
    "pulumi-container-ha",
    "rootfs",
  );
  const roots = existsSync(cache) ? readdirSync(cache).map((name) => join(cache, name, "usr/bin")) : [];
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", ...roots];
  const candidates = [process.env.CONTAINER_HA_ETCD, ...folders.map((folder) => join(folder, "etcd"))];
  return candidates.find((path) => path && existsSync(path)) ?? null;
}

export interface EtcdMember {
  name: string;
  endpoint: string;
  process: ChildProcess;
  /** Resolves when every thread of it stands. */
  pause(): Promise<void>;
  resume(): void;
}

export interface EtcdCluster {
  folder: string;
  authority: Authority;
  tls: TlsPaths;
  members: EtcdMember[];
  store(options?: Partial<Parameters<typeof createStore>[0]>): EtcdStore;
  /** Whether the member says that it leads. */
  leads(member: EtcdMember): Promise<boolean>;
  stop(): Promise<void>;
}

/** Real etcd members on 127.0.0.1 with mutual TLS, heartbeat 20 ms and election 200 ms. */
export async function startEtcd(names: string[], trusted?: Authority): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), "ha-etcd-"));
  const authority = trusted ?? createAuthority(folder);
  const tls = authority.issue(folder, "ha1");
  const ports = await freePorts(names.length * 2);
  const urls = names.map((_, index) => ({
    client: `https://127.0.0.1:${ports[2 * index]}`,
    peer: `http://127.0.0.1:${ports[2 * index + 1]}`,
  }));
  const initial = names.map((name, index) => `${name}=${urls[index]!.peer}`).join(",");
  const members = names.map((name, index): EtcdMember => {
    const { client, peer } = urls[index]!;
    const data = join(folder, name);
    mkdirSync(data, { mode: 0o700 });
    const flags = {
      name,
      "data-dir": data,
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": initial,
      "heartbeat-interval": "20",
      "election-timeout": "200",
      "client-cert-auth": "true",
      "trusted-ca-file": tls.ca,
      "cert-file": tls.cert,
      "key-file": tls.key,
      "unsafe-no-fsync": "true",
      "log-level": "error",
    };
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const process = spawn(etcdBinary()!, argv, { stdio: "ignore" });
    return {
      name,
      process,
      endpoint: client.replace("https://", ""),
      pause: () => {
        process.kill("SIGSTOP");
        return until(() => isStopped(process.pid!), `the stop of etcd ${name}`, 2000);
      },
      resume: () => void process.kill("SIGCONT"),
    };
  });
  const cluster: EtcdCluster = {
    folder,
    authority,
    tls,
    members,
    store: (options = {}) =>
      createStore({
        group: "test",
        host: "ha1",
        serverName: "etcd.test",
        endpoints: members.map((member) => member.endpoint),
        tls,
        ...options,
      }),
    leads: async (member) => {
      const pem = { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
      const secureContext = createSecureContext(pem);
      const endpoint = createEndpoint({ address: member.endpoint, serverName: "etcd.test", secureContext });
      try {
        const { leader } = await endpoint.call(methods.status, {}, 2000);
        const { members: known } = await endpoint.call(methods.memberList, {}, 2000);
        return known.find(({ name }) => name === member.name)?.id === leader;
      } finally {
        endpoint.close();
      }
    },
    stop: async () => {
      await Promise.all(members.map(({ process }) => ended(process)));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await untilAnswers(cluster);
  return cluster;
}

async function untilAnswers(cluster: EtcdCluster): Promise<void> {
  const store = cluster.store();
  const until = performance.now() + 10_000;
  try {
    for (;;) {
      const error = await store.read({ timeoutMs: 500 }).then(
        () => null,
        (cause: Error) => cause,
      );
      if (!error) return;
      if (performance.now() > until) throw new Error(`etcd did not come up: ${error.message}`);
    }
  } finally {
    store.close();
  }
}

function isStopped(pid: number): boolean {
  const stats = readdirSync(`/proc/${pid}/task`).map((id) =>
    readFileSync(`/proc/${pid}/task/${id}/stat`, "utf8"),
  );
  return stats.every((stat) => /\) [Tt] /.test(stat));
}

function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    process.once("exit", () => resolve());
    process.kill("SIGKILL");
  });
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
