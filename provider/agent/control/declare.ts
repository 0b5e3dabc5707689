import {
  type ContainerSpec,
  contains,
  type GroupHost,
  keysOf,
  type PlacedContainer,
  type Placement,
  type Policy,
  place,
  type Rule,
  specDigest,
} from "../../contract";
import type { Context } from "../context";
import { isLiveMember, placed, unplaced } from "../input";
import { settle } from "../settle";
import { type ContainerView, emptyContainer, type GroupView, type Rec } from "../view";
import { freshView, Refusal } from "./support";

/** Times that others may declare something in between; each of them got on. */
const ATTEMPTS = 50;

/** Declares a container: where it may run, and that its name and virtual IPs are its own. */
export async function apply(context: Context, wanted: ContainerSpec): Promise<unknown> {
  const spec = await declare(context, wanted.name, (view) => ({
    key: keysOf(context.me.group).spec(wanted.name),
    before: view.containers.get(wanted.name)?.spec ?? null,
    value: withCandidates(context, view, wanted),
  }));
  return { candidates: spec.candidates, specDigest: specDigest(spec) };
}

/**
 * A rule comes before the containers that it names, so that it governs their first placement; that a name is neither
 * known nor declared is told by the provider, which sees the whole program.
 */
export async function setRule(context: Context, rule: Rule): Promise<unknown> {
  await declare(context, `rule ${rule.name}`, (view) => {
    const before = view.rules.get(rule.name) ?? null;
    if (before && before.value.stack !== rule.stack) {
      throw new Refusal("conflict", `rule ${rule.name} belongs to stack ${before.value.stack}`);
    }
    return { key: keysOf(context.me.group).rule(rule.name), before, value: rule };
  });
  return { name: rule.name };
}

/**
 * Writes what is decided on a view only where nobody declared anything since: two containers that are declared at once
 * must see each other, or they would share a virtual IP or a host that a rule keeps them apart on.
 */
async function declare<T>(
  context: Context,
  what: string,
  decide: (view: GroupView) => { key: string; before: Rec<unknown> | null; value: T },
): Promise<T> {
  const { declared } = keysOf(context.me.group);
  let first: { rev: number } | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const view = await freshView(context);
    const { key, before, value } = decide(view);
    const rev = before?.rev ?? 0;
    first ??= { rev };
    if (rev !== first.rev) break;
    const text = JSON.stringify(value);
    if (before?.text === text) return value;
    const compares = [
      { key, modRevision: rev },
      { key: declared, modRevision: view.declared?.rev ?? 0 },
    ];
    const last = JSON.stringify({ what, host: context.me.host });
    const writes = [
      { put: key, value: text },
      { put: declared, value: last },
    ];
    const { committed } = await settle(context.env, { compares, writes }, context.signal);
    if (committed) {
      context.wake();
      return value;
    }
  }
  throw new Refusal("conflict", `${what} was changed by somebody else meanwhile; try again`);
}

function withCandidates(context: Context, view: GroupView, wanted: ContainerSpec): ContainerSpec {
  const container = view.containers.get(wanted.name) ?? emptyContainer(wanted.name);
  const before = container.spec?.value;
  refuseConflicts(context.policy, view, wanted);
  const members = context.policy.hosts.filter((host) => host.role === "member");
  const live = members.filter((host) => isLiveMember(context, host.name));
  const others = [...view.containers.values()]
    .filter((other) => other.spec && other.name !== wanted.name)
    .map(expected);
  const rules = [...view.rules.values()].map((rule) => rule.value);
  const placeOn = (hosts: GroupHost[]) => place(unplaced(wanted), { hosts, rules, containers: others });
  const placement = placeOn(live);
  if (candidatesIn(placement).length < 2 && candidatesIn(placeOn(members)).length >= 2) {
    const able = candidatesIn(placement);
    throw new Refusal("not-yet", tooFewLive(wanted.name, { members, live, able }));
  }
  if (!placement.ok) throw new Refusal("refused", placement.reason);
  const standbys = Array.isArray(wanted.standbys) ? wanted.standbys : [];
  for (const host of [wanted.preferredHost, ...standbys]) {
    if (host) refuseNoMember(context, wanted.name, host);
  }
  const needed = Array.isArray(wanted.standbys) ? wanted.standbys.length : wanted.standbys;
  if (placement.candidates.length < 2) {
    throw new Refusal(
      "refused",
      `${wanted.name} needs a primary and ${needed} standby, but only ${placement.candidates.join(", ")} can take it`,
    );
  }
  // Where it may run is decided once: a later `up` that changes nothing must not write, and what runs is not moved.
  const failed = container.owner?.value.phase === "FAILED";
  const candidates = before && !failed ? before.candidates : placement.candidates;
  return { ...wanted, candidates };
}

function candidatesIn(placement: Placement): string[] {
  return placement.ok ? placement.candidates : [];
}

/** Members that are slow, or begin just now, may be live soon. */
function tooFewLive(
  container: string,
  { members, live, able }: { members: GroupHost[]; live: GroupHost[]; able: string[] },
): string {
  const words = members.map((host) => {
    if (host.maintenance) return `${host.name} is in maintenance`;
    if (!live.includes(host)) return `${host.name} does not renew its lease in time`;
    return able.includes(host.name) ? `${host.name} can` : `${host.name} breaks a required rule`;
  });
  return `${container} needs a primary and a standby, and too few live members can take it: ${words.join("; ")}`;
}

/** What was declared and has not begun yet will begin on the first of its candidates. */
function expected(container: ContainerView): PlacedContainer {
  const now = placed(container);
  return container.owner ? now : { ...now, host: container.spec!.value.candidates[0] ?? null };
}

function refuseNoMember({ policy, me }: Context, container: string, host: string): void {
  const known = policy.hosts.find((one) => one.name === host);
  if (!known) throw new Refusal("invalid", `${container}: host ${host} is not in group ${me.group}`);
  if (known.role === "witness")
    throw new Refusal("invalid", `${container}: host ${host} is a witness, which runs no containers`);
}

/** Virtual IPs inside the subnet and nobody else's; a name belongs to the stack that created it. */
function refuseConflicts(policy: Policy, view: GroupView, wanted: ContainerSpec): void {
  const before = view.containers.get(wanted.name)?.spec?.value;
  if (before && before.stack !== wanted.stack) {
    throw new Refusal(
      "conflict",
      `container ${wanted.name} belongs to stack ${before.stack}; stack ${wanted.stack} must use another name`,
    );
  }
  wanted.virtualIps.forEach((address, index) => {
    const path = `virtualIps[${index}]`;
    if (!contains(policy.subnet, address)) {
      throw new Refusal("invalid", `${path}: expected an address in ${policy.subnet}, got ${address}`);
    }
    const host = policy.hosts.find((one) => one.address === address);
    if (host) throw new Refusal("conflict", `${path}: ${address} is the address of host ${host.name}`);
    for (const other of view.containers.values()) {
      if (other.name !== wanted.name && other.spec?.value.virtualIps.includes(address)) {
        throw new Refusal(
          "conflict",
          `${path}: ${address} is used by container ${other.name} of stack ${other.spec.value.stack}`,
        );
      }
    }
  });
}
