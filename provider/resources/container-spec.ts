import { z } from "zod";
import {
  type ContainerSpec,
  containerSpecSchema,
  groupHostSchema,
  nameSchema,
  specDigest,
  workloadSchema,
} from "../contract";
import { groupHandleSchema } from "../group-handle";
import { imageReference, imageSchema } from "./container-image";
import { refusedFields } from "./container-refusals";

const { image: _image, archive: _archive, engine, ...workload } = workloadSchema.shape;

export const containerInputs = z.strictObject({
  ...refusedFields,
  name: nameSchema,
  /** `<project>/<stack>`. */
  stack: z.string(),
  group: nameSchema,
  handle: groupHandleSchema,
  /** Of the group, where they are known before its handle: for rules that hold at preview. */
  subnet: z.string().optional(),
  hosts: z.array(groupHostSchema).optional(),
  ...workload,
  image: imageSchema,
  // A refinement, since its fault does not repeat the value, which may be a secret in the wrong form.
  envs: z
    .array(z.string().refine((text) => /^[^=]+=/.test(text), { error: 'expected "NAME=value"' }))
    .default([]),
  engine: engine.default("podman"),
  virtualIps: containerSpecSchema.shape.virtualIps,
  standbys: containerSpecSchema.shape.standbys,
  standby: containerSpecSchema.shape.standby,
  preferredHost: containerSpecSchema.shape.preferredHost,
  probes: containerSpecSchema.shape.probes,
  onFailure: containerSpecSchema.shape.onFailure,
  /** Whether the environment was given as a secret: its values are then kept out of messages. */
  envsAreSecret: z.boolean().default(false),
  deleteUnreachable: z.boolean().default(false),
  /** Derived from what a cold start would change; shown in the plan, never compared. */
  coldStart: z.string().optional(),
});
export type ContainerInputs = z.infer<typeof containerInputs>;

/** The specification that the group gets. */
export function specOf(inputs: ContainerInputs, incarnation: number): ContainerSpec {
  const { image, engine: chosen } = inputs;
  const shared = Object.fromEntries(
    Object.keys(workload).map((key) => [key, inputs[key as keyof ContainerInputs]]),
  ) as Pick<ContainerInputs, keyof typeof workload>;
  return containerSpecSchema.parse({
    name: inputs.name,
    stack: inputs.stack,
    workload: { ...shared, ...imageReference(image), engine: chosen },
    virtualIps: inputs.virtualIps,
    standbys: inputs.standbys,
    standby: inputs.standby,
    preferredHost: inputs.preferredHost,
    probes: inputs.probes,
    onFailure: inputs.onFailure,
    incarnation,
  });
}

/**
 * The specification to apply to what the group has. An unchanged container keeps its incarnation (else it would start
 * over); one that has failed gets the next one, since nothing else would make the group try again.
 */
export function specFor(
  inputs: ContainerInputs,
  before: { specDigest: string; phase: string } | undefined,
): ContainerSpec {
  const numbers = Array.from({ length: MOST_INCARNATIONS }, (_, incarnation) => incarnation);
  const same = before && numbers.find((n) => specDigest(specOf(inputs, n)) === before.specDigest);
  if (same === undefined) return specOf(inputs, 0);
  return specOf(inputs, before?.phase === "FAILED" ? same + 1 : same);
}

/** Only the number's digest is known; more failures than this without any other change start at 0 again. */
const MOST_INCARNATIONS = 100;
