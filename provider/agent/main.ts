import { readFile } from "node:fs/promises";
import {
  agentConfigSchema,
  type CtlReply,
  type CtlRequest,
  ctlRequestSchema,
  groupConfigSchema,
  parse,
  parseJson,
  paths,
} from "../contract";
import { createAgent } from "./agent";
import { metricsText } from "./api/metrics";
import { startMetrics } from "./api/metrics-server";
import { startApi } from "./api/server";
import { createClock } from "./env/clock";
import { createDisk } from "./env/disk/disk";
import { createFencing } from "./env/fencing";
import { createGateClient } from "./env/gate-client";
import { createHost } from "./env/host";
import { createLog } from "./env/log";
import { createNet } from "./env/net/net";
import { createNotifier } from "./env/notify";
import { createRuntime } from "./env/runtime";
import { storeOf } from "./env/store";

const WATCHDOG_MS = 1000;

/** Builds the real environment and runs the agent until it is told to stop. */
async function main(): Promise<void> {
  const group = parseJson(groupConfigSchema, await readFile(paths.groupConfig, "utf8"), paths.groupConfig);
  const agentConfig = parseJson(
    agentConfigSchema,
    await readFile(paths.agentConfig, "utf8"),
    paths.agentConfig,
  );
  const { policy, host } = group;
  const self = policy.hosts.find((one) => one.name === host);
  if (!self)
    throw new Error(`${paths.groupConfig}: host ${host} is not among the hosts of group ${policy.group}`);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => stop.abort(new Error(signal)));

  const log = createLog({ host, level: agentConfig.logLevel });
  const store = storeOf(group);
  const disk = createDisk({ root: paths.store });
  await disk.sweep();
  const net = createNet({
    group: policy.group,
    host,
    address: self.address,
    ports: policy.ports,
    tls: paths.tls,
    heartbeatKeys: paths.heartbeatKeys,
    disk,
    log,
  });
  const env = {
    clock: createClock(),
    store,
    net,
    gate: createGateClient({ socketPath: paths.leaseSocket, log }),
    runtime: createRuntime({ group: policy.group, host, log }),
    disk,
    host: createHost({ host }),
    fencing: createFencing(),
    log,
  };
  const agent = createAgent(env, group);
  const handle = async (request: CtlRequest): Promise<CtlReply> =>
    request.op === "events" ? { ok: true, result: log.events(request.limit) } : agent.handle(request);
  await net.start({ ctl: async (body) => handle(parse(ctlRequestSchema, body, "the request")) });
  const api = await startApi({
    socketPath: paths.agentSocket,
    handle,
    events: { recent: (limit) => log.events(limit), onEvent: (listener) => log.onEvent(listener) },
  });
  const metrics = await startMetrics({
    address: self.address,
    port: agentConfig.metricsPort,
    text: async () => metricsText(agent.status(), agent.counters()),
  });
  process.on("SIGHUP", () => {
    net
      .reloadTls()
      .then(store.reloadTls)
      .catch((error: Error) => log.warn(`keeps the certificates it has: ${error.message}`));
  });

  const notifier = createNotifier();
  const watchdog = setInterval(() => notifier.watchdog(), WATCHDOG_MS);
  void agent.ready.then(() => notifier.ready());
  try {
    await agent.run(stop.signal);
  } finally {
    clearInterval(watchdog);
    notifier.stopping();
    await Promise.allSettled([api.close(), metrics.close(), net.close(), log.flush()]);
    store.close();
    notifier.close();
  }
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`<3>container-ha-agent stops: ${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
