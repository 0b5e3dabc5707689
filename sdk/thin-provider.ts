import * as pulumi from "@pulumi/pulumi";

/**
 * Base of every resource: a dynamic resource whose stored provider is one constant line that asks the installed
 * package for the handlers. So state stays small, holds no code, and refresh and destroy run the installed version;
 * and no serializer runs, which would need an older TypeScript in the user's project.
 */
export abstract class ThinResource extends pulumi.CustomResource {
  /** `outputs`: names of outputs that are no arguments; `secrets`: top-level outputs to encrypt in the state. */
  protected constructor(o: {
    kind: string;
    name: string;
    args: pulumi.Inputs;
    outputs: readonly string[];
    secrets?: string[];
    options?: pulumi.CustomResourceOptions;
  }) {
    const outputs = Object.fromEntries([...o.outputs, "status"].map((output) => [output, undefined]));
    const props = { ...outputs, ...o.args, __provider: stub(o.kind) };
    const options = pulumi.mergeOptions(o.options, { additionalSecretOutputs: o.secrets ?? [] });
    super(`pulumi-nodejs:dynamic/container-ha:${o.kind}`, o.name, props, options);
  }
}

/** What the engine keeps and runs. It never changes, or every resource would show a change after an upgrade. */
export function stub(kind: string): string {
  return `exports.handler = () => require("pulumi-container-ha/provider").${kind};`;
}
