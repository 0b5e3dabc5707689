import type { Env } from "../../provider/agent/env";
import type { LeaseEnv } from "../../provider/agent/lease/env";
import type { SimDisk } from "./disk";
import type { SimEngine } from "./engine";

/** How a mutant gets between the product and its surroundings: each part is replaced when it is made. */
export interface Tamper {
  agent(env: Env, o: TamperOptions): Env;
  lease(env: LeaseEnv, o: TamperOptions): LeaseEnv;
  engine(engine: SimEngine): SimEngine;
  disk(disk: SimDisk): SimDisk;
}

export const honest: Tamper = {
  agent: (env) => env,
  lease: (env) => env,
  engine: (engine) => engine,
  disk: (disk) => disk,
};

export interface TamperOptions {
  /** Replies of the store that arrive, also those that nobody waits for any more. */
  onReply(listener: (reply: unknown) => void): void;
}
