import { mkdirSync } from "node:fs";
import type { Policy } from "../../../contract";
import type { Log, Runtime } from "../../env";
import { createSerial } from "../serial";
import { announce } from "./announce";
import type { HostNetwork } from "./commands/ip";
import type { RuntimeContext } from "./context";
import { inspect, needPid, needRecord, stateOf } from "./copies";
import { dockerEngine } from "./docker";
import { dump } from "./dump";
import { tryRun } from "./exec";
import { createExitWatch } from "./exit-watch";
import { createFreezer } from "./freezer";
import { freezerPort } from "./freezer-port";
import { createHostKeeper } from "./host-keeper";
import { createJobs } from "./jobs";
import { keepEngine } from "./keep-engine";
import { keepImages } from "./kept-images";
import { ensureImage, kill, prepare, remove, start, unroute } from "./lifecycle";
import { list } from "./listing";
import { ensureHostNetwork } from "./network";
import { recordRoot, runRoot } from "./places";
import { podmanEngine } from "./podman";
import { probe } from "./probe";
import { endLeftProbes } from "./probe-exec";
import { readRecord } from "./record";
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
  let wanted: Policy;
  let known: ReturnType<typeof versions> | undefined;
  const context = createContext(options, () => network);
  const makeNetwork = async () => {
    network = await ensureHostNetwork(wanted, options);
  };
  const keeper = createHostKeeper(context, makeNetwork);
  return {
    async ensureHost(policy) {
      for (const folder of [runRoot, recordRoot]) mkdirSync(folder, { recursive: true, mode: 0o700 });
      void tryRun(learnKernel).catch(() => undefined);
      wanted = policy;
      await makeNetwork();
      // What hangs on is ended with its container, as soon as something is to be done with that.
      await endInterrupted(context).catch((error: Error) => options.log.warn(error.message));
      await endLeftProbes();
    },
    ensureImage: (image) => ensureImage(context, image),
    imageVolumes: ({ engine, image }) => context.engines[engine].volumesOf(image),
    keepImages: (images) => keepImages(context, images),
    keepEngine: (engine) => keepEngine(context, engine),
    list: () => list(context),
    inspect: (container) => inspect(context, container),
    look: async (container) => {
      const record = readRecord(container);
      return record ? stateOf(context, record) : "absent";
    },
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
    freeze: (container, reason) => context.freezer.freeze(container, reason),
    thaw: (container, reason) => context.freezer.thaw(container, reason),
    kill: (container) => kill(context, container),
    remove: (container) => remove(context, container),
    announce: (request) => announce(context, request),
    withdraw: ({ spec }) => unroute(context, { container: spec.name, virtualIps: spec.virtualIps }),
    tickle: (request) => tickle(context, request),
    probe: (request) => probe(context, keeper, request),
    keepHost: () => keeper.keep(),
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
  const jobs = createJobs();
  return {
    ...options,
    engines: { podman: podmanEngine(), docker: dockerEngine() },
    jobs,
    freezer: createFreezer(freezerPort(jobs)),
    fetches: createSerial(),
    exits: createExitWatch(),
    orphans: new Set(),
    dumping: new Set(),
    wirings: createSerial(),
    announced: new Set(),
    network() {
      const made = network();
      if (!made) throw new Error("the host's network was not made ready yet (ensureHost)");
      return made;
    },
  };
}
