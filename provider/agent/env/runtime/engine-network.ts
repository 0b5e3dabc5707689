import { z } from "zod";
import { contains, type Engine, parseCidr } from "../../../contract";
import type { HostNetwork } from "./commands/ip";
import type { EngineNetworkPlan } from "./commands/podman";
import { ASK_TIMEOUT_MS } from "./engine";
import { failure, run, tryRun } from "./exec";

/** What an engine is told about the network, as argv, and how its answer is read. */
export interface NetworkCommands {
  networkInspect(): string[];
  networkRemove(): string[];
  networkCreate(plan: EngineNetworkPlan): string[];
  same(json: string, plan: EngineNetworkPlan): boolean;
}

/** True: it was made, or made anew with other settings. Somebody else's that came first is as good. */
export async function ensureNetwork(commands: NetworkCommands, plan: EngineNetworkPlan): Promise<boolean> {
  const isThere = async () => {
    const { code, stdout } = await tryRun(commands.networkInspect(), { timeoutMs: ASK_TIMEOUT_MS });
    return code === 0 ? (isSame(commands, stdout, plan) ? "same" : "other") : "none";
  };
  const before = await isThere();
  if (before === "same") return false;
  if (before === "other") await run(commands.networkRemove());
  const create = commands.networkCreate(plan);
  const result = await tryRun(create);
  if (result.code === 0 || (await isThere()) === "same") return true;
  throw failure(create, result);
}

/** A network of which nothing can be understood is none of ours. */
function isSame({ same }: NetworkCommands, json: string, plan: EngineNetworkPlan): boolean {
  try {
    return same(json, plan);
  } catch {
    return false;
  }
}

/** Docker always has a gateway and takes the subnet's first address for it, which may be somebody's. */
export function engineNetworkPlan(
  { parent, subnet, gateway, address }: HostNetwork,
  engine: Engine,
): EngineNetworkPlan {
  return { parent, subnet, gateway: gateway ?? (engine === "docker" ? address : undefined) };
}

const podmanSchema = z
  .array(
    z.object({
      driver: z.string(),
      network_interface: z.string().optional(),
      options: z.record(z.string(), z.string()).optional(),
      subnets: z.array(z.object({ subnet: z.string(), gateway: z.string().optional() })).optional(),
    }),
  )
  .min(1);

/** Whether `podman network inspect` tells of a network as planned. */
export function samePodmanNetwork(json: string, plan: EngineNetworkPlan): boolean {
  const network = podmanSchema.parse(JSON.parse(json))[0]!;
  const subnet = network.subnets?.[0];
  const parent = network.options?.parent ?? network.network_interface;
  const routed = network.options?.no_default_route === undefined;
  return (
    network.driver === "macvlan" &&
    parent === plan.parent &&
    sameSubnet(subnet?.subnet, plan.subnet) &&
    (plan.gateway ? subnet?.gateway === plan.gateway : !routed)
  );
}

const dockerSchema = z
  .array(
    z.object({
      Driver: z.string(),
      Options: z.record(z.string(), z.string()).nullish(),
      IPAM: z.object({
        Config: z.array(z.object({ Subnet: z.string(), Gateway: z.string().optional() })).nullish(),
      }),
    }),
  )
  .min(1);

/** Whether `docker network inspect` tells of a network as planned. */
export function sameDockerNetwork(json: string, plan: EngineNetworkPlan): boolean {
  const network = dockerSchema.parse(JSON.parse(json))[0]!;
  const subnet = network.IPAM.Config?.[0];
  return (
    network.Driver === "macvlan" &&
    network.Options?.parent === plan.parent &&
    sameSubnet(subnet?.Subnet, plan.subnet) &&
    (plan.gateway === undefined || subnet?.Gateway === plan.gateway)
  );
}

/** The engines write a subnet without host bits, a policy may have them. */
function sameSubnet(actual: string | undefined, planned: string): boolean {
  const [a, b] = [parseCidr(actual ?? ""), parseCidr(planned)];
  return a !== null && b !== null && a.prefix === b.prefix && contains(actual!, b.network);
}
