import { node } from "./node";
import { postgres } from "./postgres";
import { redis } from "./redis";
import { workloadSuite } from "./suite";

workloadSuite("programs that their users run on docker", "docker", () => [redis, postgres, node]);
