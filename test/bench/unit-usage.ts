import type { Lab } from "../lab/lab";

/** What runs on a host of a group: the product, with the programs that it starts, and etcd. */
export const unitsOf = {
  product: ["container-ha-lease", "container-ha-agent"],
  etcd: ["container-ha-etcd"],
};

const folderOf = (unit: string) => `/sys/fs/cgroup/system.slice/${unit}.service`;

/** CPU time of the units' cgroups, children included, microseconds. */
export async function cpuUsec(lab: Lab, host: string, units: string[]): Promise<number> {
  const output = await lab.exec(host, units.map((unit) => `cat ${folderOf(unit)}/cpu.stat`).join("; "));
  return sum([...output.matchAll(/^usage_usec (\d+)/gm)].map((match) => Number(match[1])));
}

/** Proportional set size of the units' processes, MB. */
export async function pssMb(lab: Lab, host: string, units: string[]): Promise<number> {
  const files = units.map((unit) => `$(cat ${folderOf(unit)}/cgroup.procs)`).join(" ");
  const output = await lab.exec(host, `for pid in ${files}; do cat /proc/$pid/smaps_rollup; done`);
  return sum([...output.matchAll(/^Pss:\s+(\d+) kB/gm)].map((match) => Number(match[1]))) / 1024;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
