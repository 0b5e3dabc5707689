import { z } from "zod";
import { cidrSchema, ipSchema } from "./address";
import { nameSchema } from "./names";
import { timingSchema } from "./timing";

const port = z.int().min(1).max(65535);

/** Defaults collide neither with an etcd of Debian (2379, 2380) nor with common services. */
export const portsSchema = z.strictObject({
  etcdClient: port.default(7379),
  etcdPeer: port.default(7380),
  /** Agents among themselves, mutual TLS. */
  peer: port.default(7381),
  /** UDP. */
  heartbeat: port.default(7382),
});
export type Ports = z.infer<typeof portsSchema>;

export const roleSchema = z.enum(["member", "witness"]);

export const groupHostSchema = z.strictObject({
  name: nameSchema,
  /** Address between hosts. */
  address: ipSchema,
  role: roleSchema.default("member"),
  labels: z.record(z.string(), z.string()).default({}),
  /** Runs no containers and keeps no standby copies while it is true. */
  maintenance: z.boolean().optional(),
});
export type GroupHost = z.infer<typeof groupHostSchema>;

/**
 * automatic     a host that is fenced after W, or by STONITH, is replaced without anybody being asked
 * stonith-only  only after STONITH has confirmed that the host is off, or an operator has fenced it
 * manual        no container changes its host before an operator says so
 */
export const failoverSchema = z.enum(["automatic", "stonith-only", "manual"]);
export type FailoverMode = z.infer<typeof failoverSchema>;

/**
 * freeze    while etcd has no quorum every container is closed and frozen, and goes on when it is back
 * failsafe  a container is served on for as long as all hosts that may take it promise not to (safety.md 1.7)
 */
export const quorumLossSchema = z.enum(["freeze", "failsafe"]);
export type QuorumLoss = z.infer<typeof quorumLossSchema>;

/** Switches a host off and proves it (safety.md 1.9). */
export const fencingSchema = z.strictObject({
  /**
   * Program and arguments, run on the host that fences; `{host}` and `{address}` in an argument become those of the
   * host to be switched off. Exit status 0 says that it is off.
   */
  command: z.array(z.string().min(1)).min(1, { error: "expected a program and its arguments" }),
  /** No host is fenced for its silence alone. */
  required: z.boolean().default(false),
});
export type Fencing = z.infer<typeof fencingSchema>;

/**
 * `policy` in etcd: what all agents of a group go by; written by the provider only. Agents of several versions read
 * it during an upgrade: a field that this one does not know is passed over, so a new one needs a default.
 */
export const policySchema = z.object({
  group: nameSchema,
  hosts: z.array(groupHostSchema),
  timing: timingSchema,
  /** Why the timings are these, one sentence. */
  timingReason: z.string().optional(),
  failover: failoverSchema.default("automatic"),
  fencing: fencingSchema.optional(),
  /** Default: freeze. */
  onQuorumLoss: quorumLossSchema.optional(),
  interface: z.string(),
  subnet: cidrSchema,
  gateway: ipSchema.optional(),
  /** Where etcd is reached: `address:port`. */
  etcdEndpoints: z.array(z.string()).min(1),
  /** Default: managed, which is the group's own. */
  etcd: z.enum(["managed", "external"]).optional(),
  ports: portsSchema,
});
export type Policy = z.infer<typeof policySchema>;

/** `/etc/container-ha/group.json`: the policy as of the last `up`, and which of the hosts this one is. */
export const groupConfigSchema = z.object({
  version: z.literal(1),
  host: nameSchema,
  /** The DNS name that every certificate of a managed etcd carries; of an external one each carries its endpoint's. */
  etcdServerName: z.string().optional(),
  policy: policySchema,
});
export type GroupConfig = z.infer<typeof groupConfigSchema>;

/** `/etc/container-ha/agent.json`: what HeartbeatAgent declares. */
export const agentConfigSchema = z.strictObject({
  version: z.literal(1),
  /** Hash of runtime and bundles. */
  release: z.string(),
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
  metricsPort: port.default(7383),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;
