import type { Fault } from "../scene";
import { containerFaults } from "./container";
import { diskFaults } from "./disks";
import { etcdFaults } from "./etcd";
import { gateFaults } from "./gate";
import { generationFaults } from "./generations";
import { handoverFaults } from "./handover";
import { networkFaults } from "./network";
import { powerFaults } from "./power";
import { failpointFaults, hangFaults, processFaults } from "./processes";
import { pulumiFaults } from "./pulumi";

/** The table of single faults (safety.md 5.2). */
export const singleFaults: Fault[] = [
  ...powerFaults,
  ...processFaults,
  ...hangFaults,
  ...failpointFaults,
  ...networkFaults,
  ...etcdFaults,
  ...gateFaults,
  ...containerFaults,
  ...generationFaults,
  ...diskFaults,
  ...handoverFaults,
  ...pulumiFaults,
];

/** What is not injected here, and why. */
export const notCovered: { fault: string; because: string }[] = [
  {
    fault: "a kernel crash, a pause of the whole host with its timers, a step or slew of its clock",
    because: "all test hosts share this machine's kernel",
  },
  {
    fault: "a container out of memory",
    because: "this machine lends its memory controller to no test host; to the agent it is a crash",
  },
  {
    fault: "delay, reordering and duplication on the wire",
    because: "this machine's kernel has no netem",
  },
  {
    fault: "a failing fsync, a torn write at a power cut",
    because: "this machine's kernel has no dm-flakey; the disk's own tests and the simulator do it",
  },
];
