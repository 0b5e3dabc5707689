import { mkdirSync } from "node:fs";
import type { Log, Runtime } from "../../env";
import { createSerial } from "../serial";
import { announce } from "./announce";
import type { HostNetwork } from "./commands/ip";
import type { RuntimeContext } from "./context";
import { inspect, needPid, needRecord } from "./copies";
import { dockerEngine } from "./docker";
import { dump } from "./dump";
import { tryRun } from "./exec";
import { createExitWatch } from "./exit-watch";
import { freeze, thaw } from "./freezer";
import { createJobs } from "./jobs";
import { ensureImage, kill, prepare, remove, start, unroute } from "./lifecycle";
import { list } from "./listing";
import { ensureHostNetwork } from "./network";
import { recordRoot, runRoot } from "./places";
import { podmanEngine } from "./podman";
import { probe } from "./probe";
import { endInterrupted } from "./recover";
import { release, restore } from "./restore";
import { tickle } from "./tickle";
import { learnKernel, versions } from "./versions";
import { keepWarm } from "./warm";
import { wire } from "./wiring";

export interface RuntimeOptions {
  group: string;
  host: string;
  log: Log;
}

/** Containers of podman and docker over runc and CRIU. One per host at a time. */
export function createRuntime(options: RuntimeOptions): Runtime {
  let network: HostNetwork | undefined;
  let known: ReturnType<typeof versions> | undefined;
  const context = createContext(options, () => network);
  return {
    async ensureHost(policy) {
      for (const folder of [runRoot, recordRoot]) mkdirSync(folder, { recursive: true, mode: 0o700 });
      void tryRun(learnKernel).catch(() => undefined);
      network = await ensureHostNetwork(policy, options);
      await endInterrupted(context);
    },
    ensureImage: (image) => ensureImage(context, image),
    list: () => list(context),
    inspect: (container) => inspect(context, container),
    prepare: (request) => prepare(context, request),
    start: (request) => start(context, request),
    restore: (request) => restore(context, request),
    release: (container) => release(context, container),
    keepWarm: (container) => keepWarm(context, container),
    async setMac(container, mac) {
      const record = needRecord(container);
      await wire(context, { record, pid: needPid(context, record), mac });
    },
    dump: (request) => dump(context, request),
    freeze: (container, reason) => freeze(context, container, reason),
    thaw: (container, reason) => thaw(container, reason),
    kill: (container) => kill(context, container),
    remove: (container) => remove(context, container),
    announce: (request) => announce(context, request),
    withdraw: ({ spec, mac }) => unroute(context, { virtualIps: spec.virtualIps, mac }),
    tickle: (request) => tickle(context, request),
    probe: (request) => probe(context, request),
    onExit: (listener) => context.exits.onExit(listener),
    versions() {
      known ??= versions();
      known.catch(() => {
        known = undefined;
      });
      return known;
    },
  };
}

function createContext(options: RuntimeOptions, network: () => HostNetwork | undefined): RuntimeContext {
  return {
    ...options,
    engines: { podman: podmanEngine(), docker: dockerEngine() },
    jobs: createJobs(),
    fetches: createSerial(),
    exits: createExitWatch(),
    dumping: new Set(),
    network() {
      const made = network();
      if (!made) throw new Error("the host's network was not made ready yet (ensureHost)");
      return made;
    },
  };
}
