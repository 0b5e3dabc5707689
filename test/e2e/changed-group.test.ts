import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { allLive, containerStatus, isProtected, untilContainer, untilGroup } from "../support/group";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { openStack, type Stack } from "../support/pulumi";
import { fillRedis, redisCommand } from "../support/redis-client";
import { redisAddress } from "../support/redis-story";
import { succeeded } from "../support/runs";

const KEYS = 50;

labSuite("a group that is changed while Redis runs in it", { hosts: 4, timeoutMs: 180_000 }, (lab) => {
  let stack: Stack;
  /** The host that leaves. */
  let left: string;

  const configure = (names: readonly string[], more: Record<string, unknown> = {}) =>
    stack.configure(
      {
        hosts: names.map((name) => {
          const { address, hostKey } = lab.host(name);
          return { name, address, hostKey };
        }),
        image: "registry.lab:5000/redis-lab",
        containers: { redis: redisAddress(lab) },
        ...more,
      },
      { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
    );
  const namesWithout = (other?: string) => lab.hosts.map(({ name }) => name).filter((name) => name !== other);
  const untilProtected = () =>
    untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });

  before("a group of four that runs Redis", async () => {
    if (!lab.hosts) return;
    stack = await openStack({ example: "operators", stack: "lab", source: "test/e2e/programs/operators" });
    await configure(namesWithout());
    succeeded(await stack.up());
  });
  after("close the stack", () => stack?.dispose());

  it("a host that leaves the list gives Redis away with its memory of this moment, and is clean", async () => {
    const { primary, epoch } = await untilProtected();
    left = primary!;
    await fillRedis(redisAddress(lab), { keys: KEYS, bytes: 100 });
    await configure(namesWithout(left));
    const { output, summary } = succeeded(await stack.up());
    assert.match(output, new RegExp(`moving redis on ${left}`));
    assert.equal(summary.replace, undefined, output);
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), String(KEYS));
    const now = await untilProtected();
    assert.notEqual(now.primary, left);
    assert.equal(now.epoch, epoch + 1);
    const found = await leftovers(lab);
    assert.deepEqual(
      found.filter((line) => line.startsWith(`${left}:`)),
      [],
    );
  });

  it("resources that get other names in the program go on as they are", async () => {
    const before = await containerStatus(lab, "redis");
    await configure(namesWithout(left), { suffix: "-renamed" });
    const { output, summary } = succeeded(await stack.up());
    assert.deepEqual([summary.create, summary.delete], [8, 8], output);
    const { primary, epoch } = await untilProtected();
    assert.deepEqual({ primary, epoch }, { primary: before.primary, epoch: before.epoch });
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), String(KEYS));
    await untilGroup(lab, { what: "every host live", limitMs: 30_000, holds: allLive });
  });

  it("a change that replaces the group replaces all that is in it, as `preview` says", async () => {
    const { primary } = await containerStatus(lab, "redis");
    await configure(namesWithout(left), { ports: { etcdClient: 7479 } });
    const { output } = succeeded(await stack.preview());
    for (const what of ["HaGroup operators", "ProtectedContainer redis", `HeartbeatAgent ${primary}`].map(
      (name) => `${name}-renamed`,
    ))
      assert.match(output, new RegExp(`${what} replace`), output);
    succeeded(await stack.up());
    await untilProtected();
    assert.equal(await redisCommand(redisAddress(lab), "DBSIZE"), "0", "a new container");
  });

  it("`destroy` leaves nothing on any host", async () => {
    succeeded(await stack.destroy());
    assert.deepEqual(await leftovers(lab), []);
  });
});
