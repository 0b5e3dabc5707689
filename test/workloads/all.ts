import { mariadb } from "./mariadb";
import { memcached } from "./memcached";
import { nginx } from "./nginx";
import { node } from "./node";
import { pipeline } from "./pipeline";
import { postgres } from "./postgres";
import { python } from "./python";
import { redis } from "./redis";
import type { Workload } from "./workload";

export { frontOf } from "./front";

/** Every program that needs no other one. */
export const workloads: Workload[] = [redis, memcached, python, node, pipeline, nginx, postgres, mariadb];
