import { keysOf, type Timing, timingOf } from "../../provider/contract";
import { GROUP, specOf } from "./group";
import type { Random } from "./random";
import { isProtected, untilProtected } from "./scenario";
import { createWorld, instantaneous, realistic, type World } from "./world";

/** One random run: 30 s of faults, then everything is healed and has to be well again. */
export interface Run {
  seed: number;
  failovers: number;
  checkpoints: number;
}

const CHAOS_MS = 30_000;
const HEALED_MS = 25_000;

export async function chaos(seed: number): Promise<Run> {
  const world = await createWorld(worldOf(seed));
  const { random } = world;
  const standby = seed % 3 === 0 ? "warm" : "cold";
  await world.protect(specOf({ standby, standbys: random.pick([1, 1, 2]) }));
  if (seed % 4 === 0) await world.protect(specOf({ name: "web", virtualIps: ["10.0.0.101"] }));
  const schedule = { intervalMs: random.pick([500, 2000, 10_000]), retain: 1, stack: "shop/dev" };
  await world.ctl("a", { op: "set-schedule", name: "db", schedule });
  world.links.lateRequests = random.pick([0, 0.3, 1]);
  const until = world.now() + CHAOS_MS;
  while (world.now() < until) {
    await world.run(random.between(10, 2500));
    strike(world);
  }
  makeWell(world);
  declareAnew(world);
  await untilProtected(world, HEALED_MS);
  if (seed % 4 === 0) await world.until("web is protected again", () => isProtected(world, "web"), HEALED_MS);
  if (world.invariants.losses.length > 0) throw new Error(`seed ${seed}: ${world.invariants.losses}`);
  const run = {
    seed,
    failovers: world.events("failover").length,
    checkpoints: world.events("checkpoint").length,
  };
  world.end();
  return run;
}

function worldOf(seed: number) {
  const timings: Timing[] = [timingOf("fast", false), timingOf("fast", true), timingOf("default", false)];
  const timing = timings[seed % timings.length]!;
  const drift = timing.clockDrift / 2.1;
  const rate = (n: number) => 1 + drift * Math.sin(seed * 7.3 + n * 2.1);
  return {
    seed,
    timing,
    // A slow restore hides mistakes in the order of things (safety.md 5.4).
    durations: seed % 2 === 0 ? instantaneous : realistic,
    rates: { a: rate(1), b: rate(2), c: rate(3) },
  };
}

interface Strike {
  weight: number;
  act(world: World, random: Random): void;
}

const anyHost = (world: World) => world.random.pick(world.hosts).name;

const strikes: Strike[] = [
  { weight: 3, act: (world) => world.heal() },
  {
    weight: 3,
    act(world, random) {
      const off = world.hosts.filter((host) => !host.on);
      if (off.length > 0) world.powerOn(random.pick(off).name);
    },
  },
  {
    weight: 2,
    act(world, random) {
      const on = world.hosts.filter((host) => host.on);
      if (on.length > 1) world.powerOff(random.pick(on).name);
    },
  },
  {
    weight: 4,
    act: (world, random) =>
      world.cut(anyHost(world), random.pick(["all", "store", "peers"]), random.pick(["both", "in", "out"])),
  },
  {
    weight: 2,
    act(world) {
      world.links.storeUp = !world.links.storeUp;
      world.story.push(`store ${world.links.storeUp ? "up" : "down"}`);
    },
  },
  {
    weight: 2,
    act: (world, random) => {
      world.links.lostReplies = random.pick([0, 0, 0.1, 0.6]);
      world.links.staleReads = random.pick([0, 0, 0.1]);
    },
  },
  { weight: 2, act: (world, random) => world.killAgent(anyHost(world), random.between(50, 4000)) },
  { weight: 2, act: (world, random) => world.killLease(anyHost(world), random.between(50, 3000)) },
  { weight: 1, act: (world) => world.crashContainer(anyHost(world)) },
  { weight: 1, act: (world, random) => endSession(world, random.pick(world.hosts).name) },
  { weight: 2, act: (world, random) => stop(world, random) },
  {
    weight: 1,
    act(world, random) {
      const { disk } = random.pick(world.hosts);
      disk.full = !disk.full;
    },
  },
  { weight: 1, act: changeSpec },
  {
    weight: 1,
    act(world, random) {
      const timing = random.pick([world.timing, { ...world.timing, leaseMs: 3000, fenceMs: 3800 }]);
      world.setPolicy({ timing });
    },
  },
];

/** A process is stopped, as by a signal or by the host's scheduler, and goes on later. */
function stop(world: World, random: Random): void {
  const host = random.pick(world.hosts);
  const process = random.pick([host.agent?.process, host.lease?.process]);
  if (!process || process.paused) return;
  world.story.push(
    `${(world.now() / 1000).toFixed(3)} ${host.name} STOPPED: ${process === host.lease?.process ? "lease" : "agent"}`,
  );
  process.pause();
  world.later(random.between(50, 4000), () => process.resume());
}

/** A container that failed for want of a disk starts over when its specification is declared anew. */
function declareAnew(world: World): void {
  for (const [name, { owner, spec }] of world.view().containers) {
    if (owner?.value.phase !== "FAILED" || !owner.value.reason.includes("ENOSPC")) continue;
    const anew = { ...spec!.value, incarnation: spec!.value.incarnation + 1 };
    world.records.apply({
      compares: [],
      writes: [{ put: keysOf(GROUP).spec(name), value: JSON.stringify(anew) }],
    });
  }
}

/** An operator says that a session has ended, though its host may be alive. */
function endSession(world: World, host: string): void {
  const sid = world.view().hosts.get(host)?.session?.value.sid;
  if (!sid) return;
  world.story.push(`${(world.now() / 1000).toFixed(3)} ${host} TOMBSTONE: ${sid}`);
  const value = JSON.stringify({ by: "operator", method: "operator", at: "" });
  const key = keysOf(GROUP).fence(host, sid);
  world.records.apply({ compares: [{ key, modRevision: 0 }], writes: [{ put: key, value }] });
}

/** Somebody declares another image, through whichever agent answers. */
function changeSpec(world: World, random: Random): void {
  const agents = world.hosts.flatMap(({ agent }) => (agent?.ready ? [agent.agent] : []));
  if (agents.length === 0) return;
  const image = random.pick(["redis:7", "redis:8"]);
  world.story.push(`${(world.now() / 1000).toFixed(3)} - APPLY: ${image}`);
  void random.pick(agents).handle({ op: "apply", spec: specOf({ image }) });
}

function strike(world: World): void {
  const { random } = world;
  const drawn = strikes.flatMap(({ weight, act }) => Array.from({ length: weight }, () => act));
  random.pick(drawn)(world, random);
}

function makeWell(world: World): void {
  world.heal();
  world.links.storeUp = true;
  world.links.lostReplies = 0;
  world.links.staleReads = 0;
  for (const host of world.hosts) {
    host.disk.full = false;
    if (!host.on) world.powerOn(host.name);
  }
}
