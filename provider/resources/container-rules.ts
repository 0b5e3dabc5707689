import { z } from "zod";
import { cidrSchema, contains, groupHostSchema, type InputFault, ipSchema, nameSchema } from "../contract";

const knownParts = {
  subnet: cidrSchema,
  hosts: z.array(groupHostSchema),
  virtualIps: z.array(ipSchema),
  standbys: z.union([z.int(), z.array(nameSchema)]),
  preferredHost: nameSchema,
};

/** Rules between a container's inputs and its group that can be judged from whatever is known. */
export function containerFaults(known: Record<string, unknown>): InputFault[] {
  const part = <K extends keyof typeof knownParts>(key: K): z.infer<(typeof knownParts)[K]> | undefined => {
    const parsed = knownParts[key].safeParse(known[key]);
    return parsed.success ? (parsed.data as z.infer<(typeof knownParts)[K]>) : undefined;
  };
  const hosts = part("hosts");
  const addresses = part("virtualIps") ?? [];
  return [
    ...addressFaults({ addresses, subnet: part("subnet"), hosts }),
    ...(hosts ? hostFaults({ hosts, standbys: part("standbys"), preferredHost: part("preferredHost") }) : []),
  ];
}

type Hosts = z.infer<(typeof knownParts)["hosts"]>;

function addressFaults(o: { addresses: string[]; subnet?: string; hosts?: Hosts }): InputFault[] {
  return o.addresses.flatMap((address, index) => {
    const path = `virtualIps[${index}]`;
    const host = o.hosts?.find((other) => other.address === address);
    if (o.addresses.indexOf(address) < index) return [{ path, message: `${address} is given twice` }];
    if (host)
      return [{ path, message: `expected a free address, got ${address}, which is host ${host.name}'s own` }];
    if (o.subnet && !contains(o.subnet, address)) {
      return [{ path, message: `expected an address in the group's subnet ${o.subnet}, got ${address}` }];
    }
    return [];
  });
}

function hostFaults(o: { hosts: Hosts; standbys?: number | string[]; preferredHost?: string }): InputFault[] {
  const members = o.hosts.filter(({ role }) => role === "member").map(({ name }) => name);
  const unknown = (path: string, host: string): InputFault[] =>
    members.includes(host)
      ? []
      : [{ path, message: `expected a member of the group (${members.join(", ")}), got "${host}"` }];
  const most = members.length - 1;
  const count = Array.isArray(o.standbys) ? o.standbys.length : (o.standbys ?? 1);
  return [
    ...(o.preferredHost === undefined ? [] : unknown("preferredHost", o.preferredHost)),
    ...(Array.isArray(o.standbys)
      ? o.standbys.flatMap((host, index) => unknown(`standbys[${index}]`, host))
      : []),
    ...(count > most
      ? [
          {
            path: "standbys",
            message: `expected at most ${most}, one less than the group has members, got ${count}`,
          },
        ]
      : []),
  ];
}
