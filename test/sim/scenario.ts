import assert from "node:assert/strict";
import { type ContainerSpec, keysOf, type Schedule } from "../../provider/contract";
import { GROUP, specOf } from "./group";
import { createWorld, type World, type WorldOptions } from "./world";

/** Runs a scenario in a world of its own and ends it. */
export async function inWorld(
  options: WorldOptions,
  scenario: (world: World) => Promise<void>,
): Promise<void> {
  const world = await createWorld(options);
  try {
    await scenario(world);
  } finally {
    world.end();
  }
}

/** The same where container `db` already runs on host a, protected by a generation on host b. */
export function inProtectedWorld(
  scenario: (world: World) => Promise<void>,
  {
    spec = {},
    scheduled,
    ...options
  }: WorldOptions & { spec?: Parameters<typeof specOf>[0]; scheduled?: Partial<Schedule> } = {},
): Promise<void> {
  return inWorld(options, async (world) => {
    if (scheduled) {
      const schedule = JSON.stringify({ retain: 1, stack: "p/dev", ...scheduled });
      world.records.apply({ compares: [], writes: [{ put: keysOf(GROUP).schedule("db"), value: schedule }] });
    }
    await world.protect(specOf({ preferredHost: "a", ...spec }));
    await world.run(500);
    await scenario(world);
  });
}

/** Waits until exactly one host answers and every standby holds the named generation. */
export async function untilProtected(world: World, limitMs?: number): Promise<void> {
  await world.until("it answers and every standby holds its generation", () => isProtected(world), limitMs);
}

export function isProtected(world: World, container = "db"): boolean {
  const seen = world.view().containers.get(container);
  if (seen?.owner?.value.phase !== "RUNNING" || world.answering(container).length !== 1) return false;
  const standbys = seen.standbys?.value.hosts ?? [];
  return standbys.length > 0 && standbys.every((host) => seen.generation?.value.holders.includes(host));
}

/** Waits for new generations of `db`, which answers where it did. */
export async function goesOn(world: World): Promise<void> {
  const generation = () => world.view().containers.get("db")!.generation!.value.gen;
  const before = generation();
  await world.until("another generation of db", () => generation() > before + 1);
  assert.deepEqual(world.answering("db"), ["a"]);
  assert.ok(isProtected(world, "db"));
}

/** Writes a changed specification through the agent of a host. */
export async function apply(world: World, spec: ContainerSpec, host = "a"): Promise<void> {
  const reply = await world.ctl(host, { op: "apply", spec });
  if (!reply.ok) throw new Error(reply.message);
}
