import { units } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { dropTraffic } from "./traffic";

/** Every host on, with all its cables and its processes going on. */
export async function healHosts(lab: Lab): Promise<void> {
  await dropTraffic(lab, []);
  await lab.heal();
  for (const { name } of lab.hosts) if (lab.power(name) === "paused") await lab.resume(name);
  const off = lab.hosts.filter(({ name }) => lab.power(name) === "off");
  await Promise.all(off.map(({ name }) => lab.start(name)));
  const goOn = [units.lease, units.agent, units.etcd].map((unit) => `systemctl kill -s CONT ${unit}`);
  await Promise.all(lab.hosts.map(({ name }) => again(() => lab.tryExec(name, goOn.join("; ")))));
}

/** A connection to a host that was cut off may break under the first command. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  return work().catch(work);
}
