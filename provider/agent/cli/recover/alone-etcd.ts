import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type GroupConfig, paths } from "../../../contract";
import { run } from "../../env/runtime/exec";
import { type EtcdStore, storeOf } from "../../env/store";
import { CliError } from "../cli-error";
import { aloneArgv, staging } from "./alone";

/** It ends by itself after so long, also where this program was killed: it holds the ports of the loopback. */
const LIFE_S = 120;
const READY_MS = 30_000;
const POLL_MS = 100;

/** Copies the voter's data; etcd must not run. */
export async function copyData(): Promise<void> {
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
  await run(["cp", "-a", "--reflink=auto", `${paths.etcdData}/member`, staging], { timeoutMs: 120_000 });
}

/** Runs an etcd on the copy that is its only member; it has ended when this resolves. */
export async function withEtcdAlone<T>(
  config: GroupConfig,
  work: (store: EtcdStore, endpoint: string) => Promise<T>,
): Promise<T> {
  const argv = aloneArgv(await readFile(paths.etcdUnit, "utf8"), config.policy.ports);
  // A process group of its own: Ctrl-C ends it only when we do.
  const child = spawn("timeout", ["--kill-after=5", String(LIFE_S), ...argv], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-2000);
  });
  const ended = once(child, "close");
  const endpoint = `127.0.0.1:${config.policy.ports.etcdClient}`;
  const store = storeOf(config, [endpoint]);
  try {
    await untilReady(store, { hasEnded: () => child.exitCode !== null, said: () => said });
    return await work(store, endpoint);
  } finally {
    store.close();
    child.kill("SIGTERM");
    await ended;
  }
}

async function untilReady(store: EtcdStore, etcd: { hasEnded(): boolean; said(): string }): Promise<void> {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const fault = await store.read({ timeoutMs: 1000 }).then(
      () => null,
      (error: Error) => error.message,
    );
    if (fault === null) return;
    if (etcd.hasEnded() || performance.now() > deadline)
      throw new CliError(
        `A copy of this voter's data does not work as a group of its own: ${fault}. etcd's last words:\n${etcd.said().trim()}`,
      );
    await sleep(POLL_MS);
  }
}
