import type { ContainerArgs } from "@pulumi/docker";
import type { ConnectionInputs, ProtectedContainerArgs } from "../../sdk";

/** Arguments of ours that have the name of an argument of @pulumi/docker's Container. */
type Mirrored = keyof ProtectedContainerArgs & keyof ContainerArgs;

/** Those of them that do not accept everything that docker's type accepts. */
type Narrower = {
  [Field in Mirrored]: ContainerArgs[Field] extends ProtectedContainerArgs[Field] ? never : Field;
}[Mirrored];

/** What must be mirrored at least. */
type Expected =
  | ("image" | "name" | "command" | "entrypoints" | "envs" | "user" | "workingDir" | "hostname" | "labels")
  | ("memory" | "tmpfs" | "sysctls" | "stopSignal");

/** The connection of @pulumi/command 1.2.1, field by field. */
type CommandConnection = {
  host: string;
  user: string;
  port: number;
  password: string;
  privateKey: string;
  privateKeyPassword: string;
  agentSocketPath: string;
  hostKey: string;
  dialErrorLimit: number;
  perDialTimeout: number;
  proxy: ConnectionInputs;
};

// The compiler is the test: each of these lines stops compiling when what its name says is not true any more.
type Never<Fields extends never> = Fields;
export type EveryMirroredFieldAcceptsWhatDockersDoes = Never<Narrower>;
export type EveryExpectedFieldIsMirrored = Never<Exclude<Expected, Mirrored>>;
export type EveryConnectionFieldOfCommandIsOurs = Never<
  Exclude<keyof CommandConnection, keyof ConnectionInputs>
>;
export type EveryConnectionFieldTakesItsValue = Never<
  {
    [Field in keyof CommandConnection]: CommandConnection[Field] extends ConnectionInputs[Field]
      ? never
      : Field;
  }[keyof CommandConnection]
>;
