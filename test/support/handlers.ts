import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  AntiAffinityRule,
  CheckpointSchedule,
  HaGroup,
  HeartbeatAgent,
  Host,
  ProtectedContainer,
} from "../../provider";
import type { ConnectionArgs } from "../../provider/ssh/connection-args";
import type { LabHost } from "../lab/lab";

/** Handlers of a stack's resources, as Pulumi's provider process calls them. */
export const handlers = {
  AntiAffinityRule,
  CheckpointSchedule,
  HaGroup,
  HeartbeatAgent,
  Host,
  ProtectedContainer,
};
export type Kind = keyof typeof handlers;

type Values = Record<string, unknown>;

export interface Resource {
  kind: Kind;
  id: string;
  outs: Values;
}

/** Creates a resource as an `up` does; `checked` gets the inputs as the handlers take them, before. */
export async function create(
  kind: Kind,
  values: Values,
  checked: (kind: Kind, inputs: Values) => void = () => {},
): Promise<Resource> {
  const { inputs, failures } = await handlers[kind].check({}, values);
  assert.deepEqual(failures, []);
  checked(kind, inputs);
  const { id, outs } = await handlers[kind].create(inputs);
  return { kind, id, outs: outs! };
}

/** Host name to how it is reached. */
export function connectionsTo(hosts: readonly LabHost[]): Record<string, ConnectionArgs> {
  return Object.fromEntries(
    hosts.map(({ name, address, user, hostKey, privateKeyPath }) => [
      name,
      { host: address, user, hostKey, privateKey: readFileSync(privateKeyPath, "utf8") },
    ]),
  );
}
