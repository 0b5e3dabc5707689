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
});
export type GroupHost = z.infer<typeof groupHostSchema>;

/** `policy` in etcd: what all agents of a group go by; written by the provider only. */
export const policySchema = z.strictObject({
  group: nameSchema,
  hosts: z.array(groupHostSchema),
  timing: timingSchema,
  interface: z.string(),
  subnet: cidrSchema,
  gateway: ipSchema.optional(),
  /** Where etcd is reached: `address:port`. */
  etcdEndpoints: z.array(z.string()).min(1),
  ports: portsSchema,
});
export type Policy = z.infer<typeof policySchema>;

/** `/etc/container-ha/group.json`: the policy as of the last `up`, and which of the hosts this one is. */
export const groupConfigSchema = z.strictObject({
  version: z.literal(1),
  host: nameSchema,
  /** etcd's TLS name: the DNS name every etcd certificate carries. */
  etcdServerName: z.string(),
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
