import { frontOf } from "./front";
import { node } from "./node";
import { pipeline } from "./pipeline";
import { python } from "./python";
import { redis } from "./redis";
import { workloadSuite } from "./suite";

workloadSuite("timers, workers, pipes and a connection between two on podman", "podman", (address) => [
  redis,
  frontOf(address(0)),
  node,
  python,
  pipeline,
]);
