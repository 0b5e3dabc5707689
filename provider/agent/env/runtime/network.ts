import { existsSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { contains, localShim, type Policy, probeShim, shimMac } from "../../../contract";
import { type HostNetwork, ip, shimSettings, showAddresses, showLink, showProbeRule } from "./commands/ip";
import { ipBatch } from "./commands/netns";
import { run, tryRun } from "./exec";
import { lines } from "./wiring";

const linksSchema = z.array(
  z.object({
    address: z.string().optional(),
    link: z.string().optional(),
    linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  }),
);
const addressesSchema = z.array(
  z.object({ addr_info: z.array(z.object({ family: z.string(), local: z.string() })).default([]) }),
);

/** Makes the two shims and the probe's route. Idempotent; what has other settings is made anew. */
export async function ensureHostNetwork(
  policy: Policy,
  { group, host }: { group: string; host: string },
): Promise<HostNetwork> {
  const network: HostNetwork = {
    parent: policy.interface,
    subnet: policy.subnet,
    gateway: policy.gateway,
    address: await addressInSubnet(policy, host),
    probeMac: shimMac(group, host, probeShim),
    localMac: shimMac(group, host, localShim),
  };
  await ensureShim({ parent: network.parent, shim: probeShim, mac: network.probeMac });
  await ensureShim({ parent: network.parent, shim: localShim, mac: network.localMac });
  // A kernel without IPv6 has no settings for it.
  for (const { file, value } of settingFiles()) if (existsSync(file)) writeFileSync(file, value);
  await run(ipBatch, { input: lines(ip.raiseShims(network)) });
  if ((await run(showProbeRule)).trim().replace(/[[\]{}\s]/g, "") === "") {
    await run(ipBatch, { input: lines(ip.addProbeRule()) });
  }
  return network;
}

/** Where the kernel keeps the settings of both shims. */
export function settingFiles(): { file: string; value: string }[] {
  return [probeShim, localShim].flatMap((shim) =>
    shimSettings.map(([setting, value]) => ({ file: `/proc/sys/net/${setting.replace("%", shim)}`, value })),
  );
}

async function ensureShim(wanted: { parent: string; shim: string; mac: string }): Promise<void> {
  const { code, stdout } = await tryRun(showLink(wanted.shim));
  const link = code === 0 ? linksSchema.parse(JSON.parse(stdout))[0] : undefined;
  const same =
    link?.linkinfo?.info_kind === "macvlan" && link.link === wanted.parent && link.address === wanted.mac;
  if (same) return;
  await run(ipBatch, {
    input: lines([...(link ? ip.deleteLink(wanted.shim) : []), ...ip.createShim(wanted)]),
  });
}

/** The host's own address on the containers' network: the one between hosts where that lies in it. */
async function addressInSubnet(policy: Policy, host: string): Promise<string> {
  const declared = policy.hosts.find(({ name }) => name === host)?.address;
  if (declared && contains(policy.subnet, declared)) return declared;
  const json = await run(showAddresses(policy.interface));
  const found = addressesSchema
    .parse(JSON.parse(json))
    .flatMap(({ addr_info }) => addr_info)
    .find(({ family, local }) => family === "inet" && contains(policy.subnet, local));
  if (!found) {
    throw new Error(
      `${host} has no address of ${policy.subnet} on ${policy.interface}: the group's interface and subnet must be those of its hosts`,
    );
  }
  return found.local;
}
