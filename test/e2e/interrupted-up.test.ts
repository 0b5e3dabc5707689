import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createRandom } from "../sim/random";
import { isProtected, untilContainer } from "../support/group";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { killTree } from "../support/process-tree";
import type { PulumiRun, Stack } from "../support/pulumi";
import { redisCommand } from "../support/redis-client";
import { redisAddress, redisStack } from "../support/redis-story";
import { changed, refused, succeeded } from "../support/runs";

/** Where a run is killed: so long after the CLI said that it begins to create this. */
const moments: { what: string; begins: RegExp; withinMs: number }[] = [
  { what: "the group is set up", begins: /:HaGroup\b.*creating/, withinMs: 4000 },
  { what: "the agents are installed", begins: /:HeartbeatAgent\b.*creating/, withinMs: 4000 },
  { what: "Redis is being protected", begins: /:ProtectedContainer\b.*creating/, withinMs: 2000 },
];

/** The same seed kills at the same moments; CONTAINER_HA_SEED chooses others. */
const seed = Number(process.env.CONTAINER_HA_SEED ?? 532292);

labSuite("`up` of redis-ha that is killed, or not alone", { hosts: 3, timeoutMs: 240_000 }, (lab) => {
  const random = createRandom(seed);
  let stack: Stack;

  before("open a stack", async () => {
    if (!lab.hosts) return;
    console.log(`    seed ${seed}`);
    stack = await redisStack(lab);
  });
  after("close the stack", () => stack?.dispose());

  for (const { what, begins, withinMs } of moments) {
    it(`killed with SIGKILL while ${what}: the next \`up\` converges, and \`destroy\` leaves nothing`, async () => {
      const delayMs = Math.round(random.between(0, withinMs));
      console.log(`      killed ${delayMs} ms after ${begins.source}`);
      refused(await killedUp(stack, { begins, delayMs }));

      assert.match(
        refused(await stack.up()),
        /pulumi cancel/,
        "the CLI says how to end the lock of a dead run",
      );
      await stack.cancel();
      succeeded(await stack.up());
      await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
      assert.equal(await redisCommand(redisAddress(lab), "PING"), "PONG");
      assert.deepEqual(changed(succeeded(await stack.preview())), {});

      succeeded(await stack.destroy());
      assert.deepEqual(await leftovers(lab), []);
    });
  }

  it("two stacks that want the same hosts at once: one gets them, the other is told whose they are", async () => {
    const other = await redisStack(lab, { name: "other" });
    try {
      const runs = await Promise.all([stack.up(), other.up()]);
      const [winner, loser] = runs[0].code === 0 ? [stack, other] : [other, stack];
      const lost = runs.find(({ code }) => code !== 0);
      assert.ok(lost, "both stacks believe that the group is theirs");
      assert.match(lost.output, /belongs to group "redis-group" of stack redis-ha\/(lab|other)/);
      assert.equal(
        runs.filter(({ code }) => code === 0).length,
        1,
        runs.map(({ output }) => output).join("\n"),
      );

      succeeded(await loser.destroy());
      await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
      succeeded(await winner.destroy());
      assert.deepEqual(await leftovers(lab), []);
    } finally {
      other.dispose();
    }
  });

  it("two `up` of one stack at once from two machines: one may be told who is at work, and none corrupts", async () => {
    const colleague = await redisStack(lab);
    try {
      const runs = await Promise.all([stack.up(), colleague.up()]);
      for (const { code, output } of runs) {
        if (code !== 0)
          assert.match(output, /another operation on this group is running: stack redis-ha\/lab by \S+/);
      }
      assert.ok(
        runs.some(({ code }) => code === 0),
        runs.map(({ output }) => output).join("\n"),
      );
      succeeded(await stack.up());
      await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
      assert.equal(await redisCommand(redisAddress(lab), "PING"), "PONG");

      succeeded(await stack.destroy());
      assert.deepEqual(await leftovers(lab), []);
    } finally {
      colleague.dispose();
    }
  });
});

/** An `up` whose CLI, language host and provider processes are all killed at once. */
async function killedUp(stack: Stack, o: { begins: RegExp; delayMs: number }): Promise<PulumiRun> {
  let cli: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  const run = await stack.up({
    onStart: (child) => {
      cli = child;
    },
    onLine: (line) => {
      if (!o.begins.test(line)) return;
      timer ??= setTimeout(() => killTree(cli!.pid!), o.delayMs);
    },
  });
  clearTimeout(timer);
  return run;
}
