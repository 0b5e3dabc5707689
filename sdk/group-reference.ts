import * as pulumi from "@pulumi/pulumi";
import type { GroupHandle } from "../provider/group-handle";
import type { HaGroup } from "./ha-group";

export type { GroupHandle } from "../provider/group-handle";

/**
 * A group of this program, or the `handle` output of a group of another stack (through a StackReference). In the program
 * that declares the group it is the group itself: only then is what is in it replaced with it.
 */
export type GroupReference = HaGroup | pulumi.Input<GroupHandle>;

/** What handlers need of a group. Hosts and subnet are known at preview where the group is of this program. */
export function groupInputs(reference: GroupReference) {
  if (isGroup(reference)) {
    const { id, name, handle, subnet, hosts } = reference;
    // Known as long as the group stays: where it is replaced, all that is in it has to go before it.
    const group = pulumi.all([id, name]).apply(([, text]) => text);
    return { group, handle, subnet, hosts };
  }
  const handle = pulumi.secret(reference) as pulumi.Output<GroupHandle>;
  // Only the connections inside are secrets, and what is not must show in plans.
  const open = <T>(pick: (value: GroupHandle) => T) =>
    pulumi.unsecret(handle.apply(pick)) as pulumi.Output<T>;
  return {
    group: open((value) => value.group),
    handle,
    subnet: open((value) => value.policy.subnet),
    hosts: open((value) => value.policy.hosts),
  };
}

/** What a program has declared for a group so far. */
export interface Declared {
  agents: pulumi.Resource[];
  rules: pulumi.Resource[];
  /** Container names and virtual IPs that are plain text, to the resource that took them. */
  taken: Map<string, string>;
}

/** The same object for the same reference: what carries the order between resources that do not refer to each other. */
export function declaredFor(reference: GroupReference): Declared {
  const key = reference as object;
  const declared = programs.get(key) ?? { agents: [], rules: [], taken: new Map<string, string>() };
  programs.set(key, declared);
  return declared;
}

const programs = new WeakMap<object, Declared>();

/**
 * Options that make a resource wait for the group's agents and rules of this program, whichever is declared first: the
 * lists are read once the program has run to its next pause.
 */
export function after(
  reference: GroupReference,
  kinds: ("agents" | "rules")[],
  options: pulumi.CustomResourceOptions | undefined,
): pulumi.CustomResourceOptions {
  const declared = declaredFor(reference);
  const resources = new Promise<pulumi.Resource[]>((resolve) => {
    setImmediate(() => resolve(kinds.flatMap((kind) => declared[kind])));
  });
  return pulumi.mergeOptions(options, { dependsOn: resources });
}

/** `<project>/<stack>`: whom a container's name belongs to. */
export function owningStack(): string {
  return `${pulumi.getProject()}/${pulumi.getStack()}`;
}

function isGroup(reference: GroupReference): reference is HaGroup {
  return pulumi.CustomResource.isInstance(reference);
}
