import type { Context } from "../context";
import { isLiveMember, prospectsOf } from "../input";
import { type ContainerView, sessionHolds, usableGeneration } from "../view";

export type Target = { host: string } | { refusal: string };

/** The host that takes the container when an operator says so: `wanted`, or else the best that could. */
export function chooseTarget(context: Context, container: ContainerView, wanted: string | undefined): Target {
  const able = ableHosts(context, container);
  if (wanted === undefined) {
    const standbys = container.standbys?.value.hosts ?? [];
    const ready = able.filter((host) => holds(container, host));
    const best = ready.find((host) => standbys.includes(host)) ?? ready[0] ?? able[0];
    return best
      ? { host: best }
      : { refusal: `no other live host could take ${container.name}: ${missing(container)}` };
  }
  return able.includes(wanted) ? { host: wanted } : { refusal: whyNot(context, container, wanted) };
}

/** Live members that placement allows and that hold the named generation, or could fetch it, where there is one. */
function ableHosts(context: Context, container: ContainerView): string[] {
  const { candidates, sources } = prospectsOf(context, container);
  return candidates.filter(
    (host) => !servesOn(context, container, host) && (holds(container, host) || sources.length > 0),
  );
}

function whyNot(context: Context, container: ContainerView, host: string): string {
  const { name } = container;
  const known = context.policy.hosts.find((one) => one.name === host);
  if (!known) return `host ${host} is not in group ${context.me.group}`;
  if (known.role === "witness") return `${host} is a witness, which runs no containers`;
  if (servesOn(context, container, host)) return `${name} is on ${host} already`;
  if (!isLiveMember(context, host)) return `${host} cannot take ${name}: it does not renew its lease`;
  if (!holds(container, host) && prospectsOf(context, container).sources.length === 0)
    return `${host} cannot take ${name}: ${missing(container)}`;
  return `${host} cannot take ${name}: a required rule forbids it`;
}

/** Its owner is alive and has not given it up. */
export function servesOn(context: Context, container: ContainerView, host: string): boolean {
  const owner = container.owner?.value;
  const runs = owner?.host === host && owner.phase !== "STOPPED" && owner.phase !== "FAILED";
  return runs && sessionHolds(context.view, host, owner.sid);
}

/** Whether it holds what the container would go on from: nothing, where there is no generation. */
export function holds(container: ContainerView, host: string): boolean {
  return usableGeneration(container) === null || container.generation!.value.holders.includes(host);
}

function missing(container: ContainerView): string {
  const named = usableGeneration(container);
  if (!named) return "a required rule forbids it, or no other member renews its lease";
  return `its generation ${named.epoch}-${named.gen} is held only by ${named.holders.join(", ")}, none of which is live`;
}
