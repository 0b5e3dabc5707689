import {
  containerSpecSchema,
  fenceSchema,
  generationSchema,
  keysOf,
  type Migration,
  migrationSchema,
  type Owner,
  ownerSchema,
  parseJson,
  realMac,
  specDigest,
  type Timing,
} from "../../provider/contract";
import type { SimHost } from "./host";
import type { Change } from "./records";

/** What must hold at every instant (safety.md 5.1). */
export interface Invariants {
  /** A record changes. */
  changed(change: Change): void;
  /** Looks at all hosts. */
  look(): void;
  /** Hosts that answer for a container now. */
  answering(container: string): string[];
  /** The counter that an acknowledged generation of the container's present life has, 0: there is none. */
  acknowledged(container: string): number;
  /** Changes of the owner to another host: after a fence, and by a planned move. */
  takeovers: number;
  handovers: number;
  /** Cold beginnings that took an acknowledged generation away, as sentences. */
  losses: string[];
}

export interface InvariantsOptions {
  group: string;
  timing: Timing;
  hosts: Map<string, SimHost>;
  now(): number;
  violated(sentence: string): void;
}

/** Beyond the time until it is fenced, a copy that nobody allows may run this long (I6). */
const STALE_COPY_MS = 5000;

export function createInvariants({ group, timing, hosts, now, violated }: InvariantsOptions): Invariants {
  const keys = keysOf(group);
  const owners = new Map<string, Owner>();
  const migrations = new Map<string, Migration>();
  const floors = new Map<string, number>();
  const staleSince = new Map<string, number>();
  const specs = new Map<string, string>();
  const names = new Set<string>();
  const macs = new Map<string, string>();
  const losses: string[] = [];

  const macOf = (container: string) => {
    const known = macs.get(container) ?? realMac(group, container);
    macs.set(container, known);
    return known;
  };
  const answers = (host: SimHost, container: string) =>
    (host.machine?.engine.couldAnswer(container) && host.machine.kernel.passes(macOf(container))) || false;
  const answering = (container: string) =>
    [...hosts.values()].filter((host) => answers(host, container)).map(({ name }) => name);

  function ownerChanged(container: string, { before, after }: Change): void {
    if (!after) {
      owners.delete(container);
      return;
    }
    const owner = parseJson(ownerSchema, after.value, `owner of ${container}`);
    const last = owners.get(container);
    owners.set(container, owner);
    names.add(container);
    if (!last || !before) return;
    const changedHands = owner.host !== last.host || owner.sid !== last.sid;
    const begins = owner.phase === "RESTORING" && last.phase !== "RESTORING";
    const least = last.epoch + (changedHands || begins ? 1 : 0);
    if (owner.epoch < least)
      violated(
        `I2: ${container} goes from epoch ${last.epoch} of ${last.host} to ${owner.epoch} of ${owner.host}`,
      );
    const isHandover = changedHands && handedOver(container, last, owner);
    if (isHandover) seen.handovers += owner.phase === "RESTORING" ? 1 : 0;
    else if (owner.host !== last.host) seen.takeovers += 1;
    if (changedHands && last.phase !== "STOPPED" && !isHandover) fencedBefore(container, last);
  }

  /** A handover, or its way back, under its record: needs no fence where nothing of the last owner can be heard. */
  function handedOver(container: string, last: Owner, owner: Owner): boolean {
    const migration = migrations.get(container);
    if (!migration) return false;
    const { from, to } = migration;
    const forth =
      last.host === from && last.phase === "RUNNING" && owner.host === to && owner.phase === "RESTORING";
    const back =
      last.host === to && last.phase === "RESTORING" && owner.host === from && owner.phase === "RESUMING";
    const { kernel } = hosts.get(last.host)?.machine ?? {};
    if ((forth || back) && kernel?.passes(macOf(container)))
      violated(`${container} was handed on by ${last.host} while its gate is open`);
    return forth || back;
  }

  function fencedBefore(container: string, last: Owner): void {
    if (!tombstones.has(`${last.host}/${last.sid}`))
      violated(`${container} was taken from ${last.host}, whose session ${last.sid} has no tombstone`);
  }

  const tombstones = new Set<string>();
  function fenced(host: string, sid: string, text: string): void {
    tombstones.add(`${host}/${sid}`);
    const { method } = parseJson(fenceSchema, text, `fence of ${host}`);
    const soundSince = hosts.get(host)?.soundSince ?? null;
    if (method !== "timeout" || soundSince === null) return;
    const sound = now() - soundSince;
    if (sound > timing.fenceMs + timing.leaseMs + 1000)
      violated(`I9: ${host} was fenced though it could renew for ${Math.round(sound)} ms`);
  }

  function migrationChanged(container: string, { after }: Change): void {
    if (after) migrations.set(container, parseJson(migrationSchema, after.value, `mig of ${container}`));
    else migrations.delete(container);
  }

  function specChanged(container: string, { after }: Change): void {
    const spec = after && containerSpecSchema.safeParse(JSON.parse(after.value)).data;
    if (spec) specs.set(container, specDigest(spec));
    else specs.delete(container);
  }

  function generationChanged(container: string, { before, after }: Change): void {
    if (!after) {
      const isLoss =
        before && parseJson(generationSchema, before.value, "gen").specDigest === specs.get(container);
      if (isLoss && owners.has(container)) losses.push(`${container} begins cold after ${before.value}`);
      floors.set(container, 0);
      return;
    }
    const { epoch, gen, holders, manifestSha } = parseJson(
      generationSchema,
      after.value,
      `gen of ${container}`,
    );
    const held = holders.filter(
      (host) => hosts.get(host)!.disk.hashOf({ container, epoch, gen }) === manifestSha,
    );
    const last = before && parseJson(generationSchema, before.value, `gen of ${container}`);
    // A holder that lost it may say so; a new one is never named by fewer than two.
    const least = last?.epoch === epoch && last.gen === gen ? 1 : 2;
    if (held.length < holders.length || held.length < least)
      violated(`I4: ${container} ${epoch}-${gen} is acknowledged on ${holders}, held by ${held}`);
    const image = hosts.get(held[0]!)?.disk.imageIn(`${container}/${epoch}-${gen}`);
    const floor = floors.get(container) ?? 0;
    if ((image?.counter ?? 0) < floor)
      violated(`I3: ${container} ${epoch}-${gen} is older than the one before`);
    floors.set(container, image?.counter ?? 0);
  }

  function lookAt(container: string): void {
    const serving = answering(container);
    if (serving.length > 1) violated(`I1: ${container} is answered by ${serving.join(" and ")}`);
    const owner = owners.get(container);
    for (const name of serving) {
      if (owner?.host === name && owner.phase !== "RUNNING")
        violated(`${container} is reachable on ${name} while its phase is ${owner.phase}`);
      const { engine } = hosts.get(name)!.machine!;
      const { counter } = engine.memoryOf(engine.copies.get(container)!);
      if (owner?.host === name && counter < (floors.get(container) ?? 0))
        violated(
          `I3: ${container} on ${name} answers with ${Math.round(counter)}, acknowledged ${floors.get(container)}`,
        );
    }
    for (const host of hosts.values()) lookForStale(host, container, owner);
  }

  function lookForStale(host: SimHost, container: string, owner: Owner | undefined): void {
    const key = `${host.name}/${container}`;
    const runs = host.machine?.engine.stateOf(container) === "running";
    const allowed = owner?.host === host.name && owner.phase !== "STOPPED" && owner.phase !== "FAILED";
    if (!runs || allowed || host.soundSince === null) {
      staleSince.delete(key);
      return;
    }
    const since = staleSince.get(key) ?? now();
    staleSince.set(key, since);
    if (now() - Math.max(since, host.soundSince) > timing.fenceMs + STALE_COPY_MS)
      violated(`I6: ${host.name} still runs ${container}, which ${owner?.host ?? "nobody"} owns`);
  }

  const seen: Invariants = {
    takeovers: 0,
    handovers: 0,
    changed(change) {
      const [area, name, leaf] = change.key.slice(keys.prefix.length).split("/");
      if (area === "fence" && change.after) fenced(name!, leaf!, change.after.value);
      if (area === "ct" && leaf === "spec") specChanged(name!, change);
      if (area === "ct" && leaf === "mig") migrationChanged(name!, change);
      if (area === "ct" && leaf === "owner") ownerChanged(name!, change);
      if (area === "ct" && leaf === "gen") generationChanged(name!, change);
    },
    look() {
      for (const container of names) lookAt(container);
    },
    answering,
    acknowledged: (container) => floors.get(container) ?? 0,
    losses,
  };
  return seen;
}
