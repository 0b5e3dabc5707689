import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { gateTable, groupConfigSchema, parseJson, paths } from "../../contract";
import { createClock } from "../env/clock";
import { createHost } from "../env/host";
import { createNotifier } from "../env/notify";
import { storeOf } from "../env/store";
import { leaseTimeouts } from "../env/store-timeouts";
import { createKernelGate } from "./kernel";
import { createLease } from "./lease";
import { createLineLog } from "./line-log";
import { createNft } from "./nft";
import { gateRules } from "./rules";
import { serveGate } from "./server";

/** How long the gate stays open over a planned restart. */
const HOLD_MS = 5000;
const INTERFACE_POLL_MS = 200;

const log = createLineLog();
const clock = createClock();

const readConfig = () =>
  parseJson(groupConfigSchema, readFileSync(paths.groupConfig, "utf8"), paths.groupConfig);

/** Boot: loads the closed gate. What an earlier load or a running lease process put into its sets stays. */
function loadGate(): void {
  const { policy } = readConfig();
  const load = (owned: boolean) =>
    spawnSync("nft", ["-f", "-"], {
      input: gateRules({ interface: policy.interface, owned }),
      encoding: "utf8",
    });
  if (load(true).status === 0) return;
  const nft = load(false);
  if (nft.status === 0) return;
  if (isOwned()) {
    log.info("The gate belongs to the running lease process.");
    return;
  }
  throw new Error(
    `the gate on ${policy.interface} could not be loaded: ${nft.error?.message ?? nft.stderr.trim()}`,
  );
}

function isOwned(): boolean {
  const { stdout } = spawnSync("nft", ["list", "table", "netdev", gateTable], { encoding: "utf8" });
  return /flags owner/.test(stdout ?? "");
}

async function runLease(): Promise<void> {
  // Sockets, pid and state files are for root alone.
  process.umask(0o077);
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  const config = readConfig();
  const { policy, host } = config;
  await waitForInterface(policy.interface);

  const notifier = createNotifier();
  const store = storeOf(config);
  const nft = createNft({ pidFile: `${paths.run}/lease-nft.pid` });
  const lease = createLease({
    group: policy.group,
    host,
    timing: policy.timing,
    env: {
      clock,
      store: {
        read: () => store.read({ timeoutMs: leaseTimeouts.readMs }),
        txn: (txn) => store.txn(txn, { timeoutMs: leaseTimeouts.txnMs }),
      },
      kernel: createKernelGate({
        nft,
        interface: policy.interface,
        configFile: `${paths.run}/gate.json`,
        log,
      }),
      host: createHost(),
      log,
    },
    onTurn: notifier.watchdog,
  });
  await lease.start();
  const server = await serveGate({ gate: lease, path: paths.leaseSocket, log });
  notifier.ready();
  log.info(`Lease of ${host} in group ${policy.group}, gate on ${policy.interface}.`);

  const stop = async (why: string) => {
    log.info(`${why}: stopping.`);
    notifier.stopping();
    await lease.stop({ holdMs: (await isShuttingDown()) ? 0 : HOLD_MS });
    server.close();
    await nft.close();
    store.close();
    notifier.close();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(signal));
  process.on("SIGHUP", () => {
    try {
      const next = readConfig();
      if (next.policy.interface !== policy.interface || next.host !== host) {
        void stop("The group's interface or this host's name changed");
        return;
      }
      store.setEndpoints(next.policy.etcdEndpoints);
      store.reloadTls();
      log.info("Read the group's configuration again.");
    } catch (error) {
      log.warn(`Going on with the configuration as it was: ${(error as Error).message}`);
    }
  });
}

/** A gate is no gate before it is bound to its interface (safety.md 2.3). */
async function waitForInterface(name: string): Promise<void> {
  if (!existsSync(`/sys/class/net/${name}`)) log.warn(`Waiting for the interface ${name}.`);
  while (!existsSync(`/sys/class/net/${name}`)) await clock.sleep(INTERFACE_POLL_MS);
}

/** At a shutdown a longer lease would only delay the failover. */
function isShuttingDown(): Promise<boolean> {
  return new Promise((resolve) => {
    execFile("systemctl", ["is-system-running"], { timeout: 500 }, (_error, stdout) =>
      resolve(stdout.trim() === "stopping"),
    );
  });
}

function fail(error: Error): void {
  process.stderr.write(`<3>container-ha-lease stops: ${error.stack ?? error.message}\n`);
  process.exit(1);
}

if (process.argv.includes("--load-gate")) {
  try {
    loadGate();
  } catch (error) {
    fail(error as Error);
  }
} else {
  runLease().catch(fail);
}
