import { readFileSync } from "node:fs";
import type { Lab, LabHost } from "../lab/lab";
import { labNames } from "../lab/names";
import { openStack, type Stack } from "./pulumi";

export interface RedisStackOptions {
  /**
   * All hosts of a lab share this machine's processors, and an idle host of the fast profile takes thrice as much.
   * @default "default"
   */
  profile?: "fast" | "default";
  engine?: "podman" | "docker";
  checkpointSeconds?: number;
  /** @default "cold" */
  standby?: "cold" | "warm";
  /** Crashes on one host that are answered there. @default 3 */
  tries?: number;
  /** Asks Redis itself, by a command inside the container. @default a connection is enough */
  probeCommand?: string[];
  /** @default "freeze" */
  onQuorumLoss?: "freeze" | "failsafe";
  /** @default the lab's Redis */
  image?: string;
  /** What the settings say of the hosts. @default what they are */
  hosts?: Pick<LabHost, "name" | "address" | "hostKey">[];
  /** Attempts to reach a host before it counts as dead. @default the provider's */
  dialErrorLimit?: number;
  /** @default the key that lets in */
  privateKey?: string;
  /** Name of the stack. @default "lab" */
  name?: string;
}

/** The address on the lab's network that the example's Redis owns. */
export function redisAddress(lab: Lab): string {
  return `${lab.subnet}.100`;
}

/** A stack of examples/redis-ha whose settings name the lab's hosts. */
export async function redisStack(lab: Lab, options: RedisStackOptions = {}): Promise<Stack> {
  const stack = await openStack({ example: "redis-ha", stack: options.name ?? "lab" });
  await stack.configure(
    {
      hosts: (options.hosts ?? lab.hosts).map(({ name, address, hostKey }) => ({
        name,
        address,
        hostKey,
        dialErrorLimit: options.dialErrorLimit,
      })),
      image: options.image ?? "registry.lab:5000/redis-lab",
      virtualIp: redisAddress(lab),
      profile: options.profile ?? "default",
      engine: options.engine ?? "podman",
      standby: options.standby ?? "cold",
      tries: options.tries ?? 3,
      checkpointSeconds: options.checkpointSeconds ?? 5,
      ...(options.onQuorumLoss && { onQuorumLoss: options.onQuorumLoss }),
      ...(options.probeCommand && { probeCommand: options.probeCommand }),
    },
    { privateKey: options.privateKey ?? readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
  );
  return stack;
}

/** Each host's end of its cable at the lab's switch, for looking at who answers. */
export function hostLinks(lab: Lab) {
  const names = labNames(lab.id);
  return lab.hosts.map(({ name }) => ({ host: name, netns: names.switchNetns, link: name }));
}
