import { z } from "zod";
import {
  cidrSchema,
  contains,
  failoverSchema,
  fencingSchema,
  groupHostSchema,
  type InputFault,
  ipSchema,
  nameSchema,
  parseCidr,
  portsSchema,
  profileSchema,
  quorumLossSchema,
  timingSchema,
} from "../contract";
import { LEAST_VOTERS } from "../etcd/voters";
import { connectionSchema } from "../ssh/connection-args";
import { etcdSchema } from "./etcd-inputs";
import { stateFolderSchema } from "./state-folder";

export const groupInputsSchema = z
  .strictObject({
    name: nameSchema,
    /** `<project>/<stack>` that declares the group. */
    stack: z.string(),
    hosts: z.array(groupHostSchema).max(16),
    /** Host name -> how to reach it. Apart from `hosts`, so that plans show those. */
    connections: z.record(z.string(), connectionSchema),
    profile: profileSchema.default("default"),
    timings: timingSchema.optional(),
    failover: failoverSchema.default("automatic"),
    fencing: fencingSchema.optional(),
    onQuorumLoss: quorumLossSchema.optional(),
    interface: z.string().optional(),
    subnet: cidrSchema.optional(),
    gateway: ipSchema.optional(),
    ports: portsSchema.prefault({}),
    stateFolder: stateFolderSchema.optional(),
    etcd: etcdSchema.prefault({ managed: true }),
    certificateRotation: z.int().min(0).default(0),
    deleteUnreachable: z.boolean().default(false),
  })
  .superRefine((inputs, context) => {
    for (const fault of groupFaults(inputs)) {
      context.addIssue({ code: "custom", path: fault.at, message: fault.message });
    }
  });
export type GroupInputs = z.output<typeof groupInputsSchema>;

type Fault = { at: (string | number)[]; message: string };

/** Rules between fields. Values that are not known yet equal each other; their faults lie at their own paths. */
function groupFaults(inputs: GroupInputs): Fault[] {
  return [
    ...voterFaults(inputs),
    ...hostFaults(inputs),
    ...fencingFaults(inputs),
    ...networkFaults(inputs),
    ...duplicates(Object.entries(inputs.ports)).map(([port, other]) => ({
      at: ["ports", port],
      message: `expected a port of its own, got that of ports.${other}`,
    })),
  ];
}

/** With an etcd elsewhere nobody has to vote here. */
function outsideFaults(hosts: GroupInputs["hosts"]): Fault[] {
  const few = { at: ["hosts"], message: `expected at least two members, got ${hosts.length}` };
  const witnesses = hosts.flatMap(({ role, name }, index) =>
    role === "witness"
      ? [
          {
            at: ["hosts", index, "role"],
            message: `expected a member, got "witness": ${name} would have nothing to do, as the group's etcd is external`,
          },
        ]
      : [],
  );
  return hosts.length < 2 ? [few, ...witnesses] : witnesses;
}

function voterFaults({ hosts, etcd }: GroupInputs): Fault[] {
  if (etcd.external) return outsideFaults(hosts);
  if (hosts.length === 0) return [{ at: ["hosts"], message: "expected at least three hosts, got none" }];
  if (!hosts.some((host) => host.role === "member")) {
    return [{ at: ["hosts"], message: "expected at least one member, got witnesses only" }];
  }
  if (hosts.length < LEAST_VOTERS) {
    const count = hosts.length === 1 ? "1 host" : `${hosts.length} hosts`;
    return [
      {
        at: ["hosts"],
        message: `expected three hosts or more, got ${count}: two hosts cannot tell a crash from a cut, so add a witness (a Host with role "witness": any small machine, it runs only etcd)`,
      },
    ];
  }
  return [];
}

function hostFaults({ hosts }: GroupInputs): Fault[] {
  const names = duplicates(hosts.map((host, index) => [index, host.name]));
  const addresses = duplicates(hosts.map((host, index) => [index, host.address]));
  return [
    ...names.map(([index, other]) => ({
      at: ["hosts", index, "name"],
      message: `expected each host once, got "${hosts[index]!.name}" again (it is hosts[${other}])`,
    })),
    ...addresses
      .filter(([index]) => !names.some(([named]) => named === index))
      .map(([index, other]) => ({
        at: ["hosts", index, "address"],
        message: `expected an address of its own, got ${hosts[index]!.address}, which is that of "${hosts[other]!.name}"`,
      })),
    ...hosts.flatMap((host, index) =>
      host.name === RESERVED_NAME
        ? [
            {
              at: ["hosts", index, "name"],
              message: `expected another name: "${RESERVED_NAME}" is etcd's own administrator`,
            },
          ]
        : [],
    ),
  ];
}

function fencingFaults({ failover, fencing }: GroupInputs): Fault[] {
  const faults: Fault[] = [];
  if (failover === "stonith-only" && !fencing) {
    faults.push({
      at: ["fencing"],
      message:
        'expected a fencing command, as failover is "stonith-only": without one no container would ever be taken over',
    });
  }
  const command = fencing?.command ?? [];
  if (command.length > 0 && !command.some((word) => /\{(host|address)\}/.test(word))) {
    faults.push({
      at: ["fencing", "command"],
      message:
        "expected {host} or {address} in one of its words, got none: it would switch off the same machine whichever host is to be fenced",
    });
  }
  return faults;
}

function networkFaults({
  hosts,
  interface: device,
  subnet,
  gateway,
  timings,
  profile,
}: GroupInputs): Fault[] {
  const faults: Fault[] = [];
  const valid = subnet !== undefined && parseCidr(subnet) !== null;
  if (valid && !device) {
    for (const [index, host] of hosts.entries()) {
      if (host.role === "member" && !contains(subnet, host.address)) {
        faults.push({
          at: ["hosts", index, "address"],
          message: `expected an address inside the group's subnet ${subnet} (or set \`interface\`), got ${host.address}`,
        });
      }
    }
  }
  if (valid && gateway && !contains(subnet, gateway)) {
    faults.push({
      at: ["gateway"],
      message: `expected an address inside the subnet ${subnet}, got ${gateway}`,
    });
  }
  if (timings && profile !== "default") {
    faults.push({
      at: ["timings"],
      message: `expected either profile or timings, got both (profile "${profile}")`,
    });
  }
  return faults;
}

/** Entries whose value an earlier entry has: [key, key of the earlier one]. */
function duplicates<K>(entries: readonly (readonly [K, unknown])[]): [K, K][] {
  return entries.flatMap(([key, value], index) => {
    const earlier = entries.slice(0, index).find(([, other]) => other === value);
    return earlier ? [[key, earlier[0]] as [K, K]] : [];
  });
}

/** The common name of the administrator's certificate. */
const RESERVED_NAME = "root";

/** What can be said only when everything is known. */
export function connectionFaults(inputs: GroupInputs): InputFault[] {
  return inputs.hosts.flatMap((host, index) =>
    inputs.connections[host.name]
      ? []
      : [
          {
            path: `hosts[${index}]`,
            message: `expected a Host resource, got no connection for "${host.name}"`,
          },
        ],
  );
}
