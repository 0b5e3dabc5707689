import type { Engine as EngineName } from "../../../contract";
import type { Log } from "../../env";
import type { createSerial } from "../serial";
import type { HostNetwork } from "./commands/ip";
import type { Engine } from "./engine";
import type { ExitWatch } from "./exit-watch";
import type { Freezer } from "./freezer";
import type { Jobs } from "./jobs";

/** What the parts of the runtime share. */
export interface RuntimeContext {
  group: string;
  host: string;
  log: Log;
  engines: Record<EngineName, Engine>;
  jobs: Jobs;
  freezer: Freezer;
  /** One image at a time for each engine: two containers of one image would fetch it twice. */
  fetches: ReturnType<typeof createSerial>;
  exits: ExitWatch;
  /** Copies without processes that were created on an engine's network which was made anew since; told by `keepEngine`. */
  orphans: Set<string>;
  /** Containers that this process dumps now. */
  dumping: Set<string>;
  /** A copy's MAC and neighbours are changed by one at a time: a repair must not put an older MAC back. */
  wirings: ReturnType<typeof createSerial>;
  /** Containers that the host's own clients reach through the local shim. */
  announced: Set<string>;
  /** The host's side of the network, as `ensureHost` made it; throws before. */
  network(): HostNetwork;
}
