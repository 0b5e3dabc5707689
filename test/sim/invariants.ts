import {
  containerSpecSchema,
  fenceSchema,
  type Generation,
  generationSchema,
  heartbeatSchema,
  keysOf,
  type Migration,
  migrationSchema,
  type Owner,
  ownerSchema,
  parseJson,
  realMac,
  sessionSchema,
  specDigest,
  type Timing,
} from "../../provider/contract";
import type { DiskChange } from "./disk";
import type { SimHost } from "./host";
import { createKeptCopies } from "./kept-copies";
import type { Change } from "./records";

/** What must hold at every instant (safety.md 5.1). */
export interface Invariants {
  /** A record changes. */
  changed(change: Change): void;
  /** The disk of a host changes. */
  diskChanged(host: string, change: DiskChange): void;
  /** A quorum of the store's voters answers, or does not. */
  storeAnswers(answers: boolean): void;
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
  /** The timing that is in force. */
  timing(): Timing;
  hosts: Map<string, SimHost>;
  /** Hosts that the store cannot reach are held to I6 as well. */
  cutOffToo: boolean;
  now(): number;
  violated(sentence: string): void;
}

/** Beyond the time until it is fenced, a copy that nobody allows may run this long (I6). */
const STALE_COPY_MS = 5000;
/** Beyond W, a container may be down this long though a host that holds its generation could run it (I7). */
const IDLE_MS = 15_000;
/** RUNNING under a live lease and not executing, for whatever reason (I10). */
const STALLED_MS = 2000;

export function createInvariants({
  group,
  timing,
  hosts,
  cutOffToo,
  now,
  violated,
}: InvariantsOptions): Invariants {
  const keys = keysOf(group);
  const owners = new Map<string, Owner>();
  const migrations = new Map<string, Migration>();
  /** `container/host`: the epoch under which the host owned it last. */
  const epochs = new Map<string, number>();
  const served = new Map<string, number>();
  /** Containers that go on where they were frozen for a handover that was given back. */
  const resumed = new Set<string>();
  const acknowledged = new Map<string, Generation>();
  /** `host/container`: the highest epoch that its disk knows. */
  const known = new Map<string, number>();
  const downSince = new Map<string, number>();
  /** The store's last outage; `until` null: it goes on, as far as was looked. */
  let outage: { at: number; until: number | null } | null = null;
  const floors = new Map<string, number>();
  const staleSince = new Map<string, number>();
  const stalledSince = new Map<string, number>();
  const specs = new Map<string, string>();
  const names = new Set<string>();
  const macs = new Map<string, string>();
  const losses: string[] = [];
  const tombstones = new Set<string>();
  const sessions = new Map<string, string>();
  const kept = createKeptCopies({
    hosts,
    sessionHolds: (host, sid) => sessions.get(host) === sid && !tombstones.has(`${host}/${sid}`),
    violated,
  });

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
    epochs.set(`${container}/${owner.host}`, owner.epoch);
    kept.ownerChanged(container, last, owner);
    if (owner.phase === "RESUMING") resumed.add(container);
    if (owner.phase === "RESTORING") resumed.delete(container);
    names.add(container);
    if (tombstones.has(`${owner.host}/${owner.sid}`) && owner.sid !== last?.sid)
      violated(`I2: ${container} goes to ${owner.host}, whose session ${owner.sid} had ended`);
    if (!last || !before) return;
    const changedHands = owner.host !== last.host || owner.sid !== last.sid;
    const isBeginning = owner.phase === "RESTORING" && last.phase !== "RESTORING";
    const least = last.epoch + (changedHands || isBeginning ? 1 : 0);
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
    // A session that has ended is taken over from, whatever was under way.
    if (!migration || tombstones.has(`${last.host}/${last.sid}`)) return false;
    const { from, to } = migration;
    const forth =
      last.host === from && last.phase === "RUNNING" && owner.host === to && owner.phase === "RESTORING";
    const back =
      last.host === to && last.phase === "RESTORING" && owner.host === from && owner.phase === "RESUMING";
    const { kernel, engine } = hosts.get(last.host)?.machine ?? {};
    // A host that has been restarted has no copy, and may not have learnt yet what to close.
    if ((forth || back) && engine?.copies.has(container) && kernel?.passes(macOf(container)))
      violated(`${container} was handed on by ${last.host} while its gate is open`);
    if (forth) kept.handedOn(container, last);
    if (back) kept.givenBack(container, owner);
    return forth || back;
  }

  function fencedBefore(container: string, last: Owner): void {
    if (!tombstones.has(`${last.host}/${last.sid}`))
      violated(`I2: ${container} was taken from ${last.host}, whose session ${last.sid} has no tombstone`);
  }

  function fenced(host: string, sid: string, text: string): void {
    tombstones.add(`${host}/${sid}`);
    const { by, method } = parseJson(fenceSchema, text, `fence of ${host}`);
    if (method !== "timeout") return;
    if (tombstones.has(`${by}/${sessions.get(by)}`))
      violated(`I2: ${host} was fenced by ${by}, whose own session ${sessions.get(by)} had ended`);
    wasHealthy(host);
  }

  function migrationChanged(container: string, { after }: Change): void {
    if (after) migrations.set(container, parseJson(migrationSchema, after.value, `mig of ${container}`));
    else migrations.delete(container);
  }

  /** I9: who renews, or could as soon as the store answers again, is not fenced. */
  function wasHealthy(name: string): void {
    const host = hosts.get(name);
    const { fenceMs, leaseMs } = timing();
    const limit = fenceMs + leaseMs + 1000;
    const sound = host?.soundSince == null ? 0 : now() - host.soundSince;
    if (sound > limit) violated(`I9: ${name} was fenced though it could renew for ${Math.round(sound)} ms`);
    const linked = host?.linkedSince == null ? 0 : now() - host.linkedSince;
    if (!outage) return;
    const until = outage.until ?? now();
    // Shorter outages restart no count; the owner's next renewal has to come in time by itself.
    const restarts = until - outage.at > fenceMs;
    if (restarts && now() - until < fenceMs && linked > limit + now() - outage.at)
      violated(`I9: ${name} was fenced ${Math.round(now() - until)} ms after the store came back`);
  }

  function heartbeatChanged(host: string, { after }: Change): void {
    const sid = after && parseJson(heartbeatSchema, after.value, `heartbeat of ${host}`).sid;
    if (sid && tombstones.has(`${host}/${sid}`))
      violated(`I2: ${host} renewed session ${sid}, which had ended`);
  }

  function sessionChanged(host: string, { after }: Change): void {
    if (after) sessions.set(host, parseJson(sessionSchema, after.value, `session of ${host}`).sid);
    else sessions.delete(host);
  }

  function diskChanged(host: string, change: DiskChange): void {
    if (change.what === "forgotten") known.delete(`${host}/${change.container}`);
    if (change.what === "epoch") learn(`${host}/${change.container}`, change.epoch);
    if (change.what === "stored") {
      const { container, epoch, gen } = change.generation;
      const least = known.get(`${host}/${container}`) ?? 0;
      if (epoch < least)
        violated(
          `I2: the disk of ${host} took ${container} ${epoch}-${gen} though it knows of epoch ${least}`,
        );
    }
    if (change.what === "removed") {
      const { container, epoch, gen } = change.generation;
      const named = acknowledged.get(container);
      if (named?.epoch === epoch && named.gen === gen && named.holders.includes(host))
        violated(`I4: ${host} removed ${container} ${epoch}-${gen}, which is the acknowledged one`);
    }
  }

  const learn = (key: string, epoch: number) => known.set(key, Math.max(epoch, known.get(key) ?? 0));

  function specChanged(container: string, { after }: Change): void {
    const spec = after && containerSpecSchema.safeParse(JSON.parse(after.value)).data;
    if (spec) specs.set(container, specDigest(spec));
    else specs.delete(container);
  }

  function generationChanged(container: string, { before, after }: Change): void {
    if (!after) {
      const isLoss =
        before && parseJson(generationSchema, before.value, "gen").specDigest === specs.get(container);
      acknowledged.delete(container);
      if (isLoss && owners.has(container)) losses.push(`${container} begins cold after ${before.value}`);
      floors.set(container, 0);
      return;
    }
    const generation = parseJson(generationSchema, after.value, `gen of ${container}`);
    const { epoch, gen, holders, manifestSha } = generation;
    acknowledged.set(container, generation);
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
    for (const name of serving) lookAtServing(name, container, owner);
    kept.look(container);
    for (const host of hosts.values()) lookForStale(host, container, owner);
    lookForIdle(container, owner, serving.length > 0);
    lookForStalled(container, owner);
  }

  function lookAtServing(name: string, container: string, owner: Owner | undefined): void {
    const epoch = epochs.get(`${container}/${name}`) ?? 0;
    if (epoch < (served.get(container) ?? 0))
      violated(`I2: ${container} on ${name} answers at epoch ${epoch} after ${served.get(container)}`);
    served.set(container, Math.max(epoch, served.get(container) ?? 0));
    if (owner?.host !== name) return;
    if (owner.phase !== "RUNNING")
      violated(`${container} is reachable on ${name} while its phase is ${owner.phase}`);
    const { engine } = hosts.get(name)!.machine!;
    const copy = engine.copies.get(container)!;
    const { counter } = engine.memoryOf(copy);
    const floor = floors.get(container) ?? 0;
    if (counter < floor)
      violated(`I3: ${container} on ${name} answers with ${Math.round(counter)}, acknowledged ${floor}`);
    if (copy.specDigest !== owner.specDigest)
      violated(`I5: ${container} on ${name} runs another specification than its record says`);
    const wanted = owner.gen && `${container}/${owner.gen.epoch}-${owner.gen.gen}`;
    // What was streamed into a handover's target has no other name yet.
    const from = copy.origin?.folder.replace(/\.tmp$/, "") ?? null;
    if (!resumed.has(container) && from !== wanted)
      violated(`I5: ${container} on ${name} runs from ${copy.origin?.folder ?? "cold"}, named is ${wanted}`);
    if (copy.origin?.altered)
      violated(`I5: ${container} on ${name} runs from files that are not what the manifest says`);
  }

  /** I6, for hosts that can act. */
  function lookForStale(host: SimHost, container: string, owner: Owner | undefined): void {
    const key = `${host.name}/${container}`;
    const runs = host.machine?.engine.stateOf(container) === "running";
    const allowed = owner?.host === host.name && owner.phase !== "STOPPED" && owner.phase !== "FAILED";
    const able = cutOffToo ? host.awakeSince : host.soundSince;
    if (!runs || allowed || able === null) {
      staleSince.delete(key);
      return;
    }
    const since = staleSince.get(key) ?? now();
    staleSince.set(key, since);
    if (now() - Math.max(since, able) > timing().fenceMs + STALE_COPY_MS)
      violated(`I6: ${host.name} still runs ${container}, which ${owner?.host ?? "nobody"} owns`);
  }

  /** I7, while troubles last: a container is not down for long where a host holds its generation and could run it. */
  function lookForIdle(container: string, owner: Owner | undefined, serves: boolean): void {
    const generation = acknowledged.get(container);
    const limit = timing().fenceMs + IDLE_MS;
    const able = (generation?.holders ?? []).filter((name) => {
      const { soundSince = null, disk, faults } = hosts.get(name)!;
      if (faults.engine.size > 0) return false;
      const image = disk.imageIn(`${container}/${generation!.epoch}-${generation!.gen}`);
      return soundSince !== null && now() - soundSince > limit && image && !image.altered;
    });
    if (serves || able.length === 0 || !owner || owner.phase === "FAILED") {
      downSince.delete(container);
      return;
    }
    const since = downSince.get(container) ?? now();
    downSince.set(container, since);
    if (now() - since > limit)
      violated(`I7: nobody answered for ${container} for ${limit} ms, though ${able} could have`);
  }

  /** I10: what its record calls RUNNING executes behind an open gate, as long as its host can renew. */
  function lookForStalled(container: string, owner: Owner | undefined): void {
    const host = owner?.phase === "RUNNING" ? hosts.get(owner.host) : undefined;
    const isOwn = host !== undefined && sessions.get(host.name) === owner!.sid;
    const isFenced = host !== undefined && tombstones.has(`${host.name}/${owner!.sid}`);
    const moves = migrations.get(container)?.stage === "MOVING";
    if (!isOwn || isFenced || moves || host.soundSince === null || answers(host, container)) {
      stalledSince.delete(container);
      return;
    }
    const since = Math.max(stalledSince.get(container) ?? now(), host.soundSince);
    stalledSince.set(container, since);
    if (now() - since > STALLED_MS)
      violated(
        `I10: ${container} is RUNNING on ${host.name} by its record and has not executed for ${STALLED_MS} ms`,
      );
  }

  const seen: Invariants = {
    takeovers: 0,
    handovers: 0,
    changed(change) {
      const [area, name, leaf] = change.key.slice(keys.prefix.length).split("/");
      if (area === "fence" && change.after) fenced(name!, leaf!, change.after.value);
      if (area === "host" && leaf === "hb") heartbeatChanged(name!, change);
      if (area === "host" && leaf === "session") sessionChanged(name!, change);
      if (area === "ct" && leaf === "spec") specChanged(name!, change);
      if (area === "ct" && leaf === "mig") migrationChanged(name!, change);
      if (area === "ct" && leaf === "owner") ownerChanged(name!, change);
      if (area === "ct" && leaf === "gen") generationChanged(name!, change);
    },
    diskChanged,
    storeAnswers(answers) {
      if (!answers) outage = { at: now(), until: null };
      else if (outage) outage.until = now();
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
