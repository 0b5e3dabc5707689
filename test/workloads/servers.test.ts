import { mariadb } from "./mariadb";
import { memcached } from "./memcached";
import { nginx } from "./nginx";
import { postgres } from "./postgres";
import { workloadSuite } from "./suite";

workloadSuite("databases, caches and web servers on podman", "podman", () => [
  postgres,
  mariadb,
  memcached,
  nginx,
]);
