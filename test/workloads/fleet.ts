import type { GroupHandle } from "../../provider/group-handle";
import type { Lab } from "../lab/lab";
import { isProtected, untilContainer } from "../support/group";
import { connectionsTo, create } from "../support/handlers";
import type { Workload, WorkloadClient } from "./workload";

export const GROUP = "work";
const STACK = "work/dev";
const PROTECTED_MS = 120_000;
/** A command inside a container is started by its engine, on processors that all hosts share. */
const PROBE_SECONDS = 10;

/** A program that is protected and worked with. */
export interface Subject {
  name: string;
  engine: "podman" | "docker";
  address: string;
  client: WorkloadClient;
}

/** A group of all hosts of the lab, with an agent on each. */
export async function setUpGroup(lab: Lab): Promise<GroupHandle> {
  const hosts = lab.hosts.map(({ name, address }) => ({ name, address }));
  const values = { name: GROUP, stack: STACK, hosts, connections: connectionsTo(lab.hosts) };
  const { outs } = await create("HaGroup", values);
  const handle = outs.handle as GroupHandle;
  await Promise.all(
    hosts.map(({ name }) => create("HeartbeatAgent", { name, host: name, group: GROUP, handle })),
  );
  return handle;
}

/** Protects the program under that address and begins to work with it. */
export async function protect(
  lab: Lab,
  handle: GroupHandle,
  { workload, engine, address }: { workload: Workload; engine: Subject["engine"]; address: string },
): Promise<Subject> {
  const { name, command, envs, memory, probe, startPeriod } = workload;
  const { image } = await lab.pushImage(name, workload.image);
  await create("ProtectedContainer", {
    name,
    stack: STACK,
    group: GROUP,
    handle,
    engine,
    image,
    virtualIps: [address],
    command,
    envs,
    probes: [{ ...probe, startPeriod, timeout: PROBE_SECONDS }],
    ...(memory !== undefined && { memory }),
  });
  await untilContainer(lab, name, { what: "protection", limitMs: PROTECTED_MS, holds: isProtected });
  return { name, engine, address, client: workload.client(address) };
}
