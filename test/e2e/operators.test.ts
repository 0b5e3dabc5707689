import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { groupStatus, isProtected, untilContainer, untilGroup } from "../support/group";
import { labSuite } from "../support/lab";
import { openStack, type Stack } from "../support/pulumi";
import { fillRedis, redisCommand } from "../support/redis-client";
import { succeeded } from "../support/runs";

const names = ["w", "m1", "m2", "m3"];
const KEYS = 50;

/**
 * What operators type on one group: two containers on m1 and m2, m3 in maintenance, w a witness. Mistakes get one
 * sentence and change nothing; what is right is done.
 */
labSuite("operators' commands on real hosts", { hosts: names, timeoutMs: 180_000 }, (lab) => {
  let stack: Stack;
  const addressOf = (name: string) => `${lab.subnet}.${name === "db" ? 100 : 101}`;
  const on = (host: string, command: string) =>
    lab.tryExec(host, `container-ha ${command} </dev/null`, { timeoutMs: 120_000 });

  /** Who owns each container, since which beginning. */
  async function owners(): Promise<Record<string, string>> {
    const { containers } = await groupStatus(lab);
    return Object.fromEntries(
      containers.map(({ name, phase, primary, epoch }) => [name, `${phase} on ${primary} since ${epoch}`]),
    );
  }
  const primaryOf = async (name: string) =>
    (await groupStatus(lab)).containers.find((one) => one.name === name)!.primary!;
  const otherOf = (host: string) => (host === "m1" ? "m2" : "m1");
  const untilDead = (host: string, dead: string) =>
    untilGroup(lab, {
      what: `${dead} that is seen to be dead`,
      limitMs: 30_000,
      holds: ({ hosts }) => hosts.find(({ name }) => name === dead)!.state === "dead",
      hosts: [host],
    });

  /** The command fails with this one sentence, and every container is where it was and answers. */
  async function refused(host: string, command: string, why: RegExp, code = 1): Promise<void> {
    const before = await owners();
    const result = await on(host, command);
    assert.equal(result.code, code, `${command}: ${result.stdout}${result.stderr}`);
    assert.match(result.stderr, why);
    assert.doesNotMatch(result.stderr, /\n {4}at /, "a stack trace");
    assert.deepEqual(await owners(), before);
    for (const name of Object.keys(before))
      assert.equal(await redisCommand(addressOf(name), "DBSIZE"), String(KEYS));
  }
  const bothProtected = async () => {
    for (const name of ["db", "cache"])
      await untilContainer(lab, name, { what: "protection", limitMs: 60_000, holds: isProtected });
  };

  before("a group with two containers", async () => {
    if (!lab.hosts) return;
    stack = await openStack({ example: "operators", stack: "lab", source: "test/e2e/programs/operators" });
    const how: Record<string, object> = { w: { role: "witness" }, m3: { maintenance: true } };
    await stack.configure(
      {
        hosts: names.map((name) => {
          const { address, hostKey } = lab.host(name);
          return { name, address, hostKey, ...how[name] };
        }),
        image: "registry.lab:5000/redis-lab",
        containers: { db: addressOf("db"), cache: addressOf("cache") },
      },
      { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
    );
    succeeded(await stack.up());
    for (const name of ["db", "cache"]) await fillRedis(addressOf(name), { keys: KEYS, bytes: 100 });
    await bothProtected();
  });
  after("close the stack", () => stack?.dispose());

  it("`migrate` to a wrong host, or of a wrong container, says what is wrong with it", async () => {
    const host = await primaryOf("db");
    const other = otherOf(host);
    await refused(other, `migrate db --to ${host}`, new RegExp(`^db runs on ${host} already$`, "m"));
    await refused(
      other,
      "migrate db --to m9",
      /^host m9 is not in group operators; its members: m1, m2, m3$/m,
    );
    await refused(
      other,
      "migrate db --to w",
      /^w is a witness and runs no containers; members: m1, m2, m3$/m,
    );
    await refused(other, "migrate db --to m3", /^m3 is in maintenance and takes no containers$/m);
    await refused(other, "migrate web --to m1", /^container web is not protected in group operators$/m);
    await refused(other, "migrate db", /^The host to move it to is missing \(--to HOST\)\. See/m, 2);
  });

  it("`failover` and `fence` of a wrong host do nothing, and neither does one that nobody confirms", async () => {
    const host = await primaryOf("db");
    await refused(host, "failover db --to m9 --yes", /^host m9 is not in group operators$/m);
    await refused(host, `failover db --to ${host} --yes`, new RegExp(`^db is on ${host} already$`, "m"));
    await refused(host, "fence m9 --yes", /^host m9 is not in group operators$/m);
    await refused(host, "fence w --yes", /^w is a witness: it owns nothing that a fence could free$/m);
    await refused(
      host,
      `fence ${host} --confirmed-off --yes`,
      new RegExp(`^${host} was seen to renew its lease \\d+ ms ago, so it is not off`, "m"),
    );
    await refused(
      host,
      `failover db --to ${otherOf(host)}`,
      /This stops db on [\s\S]*Nobody can be asked here: repeat it with --yes/,
      2,
    );
  });

  it("`recover` of a group that works is refused", () =>
    refused("m1", "recover --yes", /^The store has a quorum, so there is nothing to recover/m));

  it("`drain` of a wrong host says what is wrong with it", async () => {
    await refused("m1", "drain m9", /^host m9 is not in group operators$/m);
    await refused("m1", "drain w", /^w is a witness and runs no containers$/m);
  });

  it("of two moves of one container at once one is done, and the other one is told", async () => {
    const host = await primaryOf("db");
    const to = otherOf(host);
    const results = await Promise.all([on(host, `migrate db --to ${to}`), on(to, `migrate db --to ${to}`)]);
    const done = results.filter(({ code }) => code === 0);
    const [late] = results.filter(({ code }) => code !== 0);
    assert.equal(done.length, 1, JSON.stringify(results));
    assert.match(
      done[0]!.stdout,
      new RegExp(`^db runs on ${to} now \\(epoch \\d+\\), it ran on ${host}\\.`, "m"),
    );
    assert.match(late!.stderr, /^db (is being moved to|runs on|was changed by somebody else)/m);
    assert.equal(await primaryOf("db"), to);
    assert.equal(await redisCommand(addressOf("db"), "DBSIZE"), String(KEYS));
  });

  it("`drain` moves everything away from a host", async () => {
    await bothProtected();
    const host = await primaryOf("db");
    const { code, stdout, stderr } = await on(otherOf(host), `drain ${host}`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^${host} runs no containers now\\.$`, "m"));
    for (const name of ["db", "cache"]) {
      assert.equal(await primaryOf(name), otherOf(host));
      assert.equal(await redisCommand(addressOf(name), "DBSIZE"), String(KEYS));
    }
  });

  it("with nowhere to go nothing is moved, not even with --partial, and each container is named", async () => {
    const host = await primaryOf("db");
    const dead = otherOf(host);
    await lab.kill(dead);
    await untilDead(host, dead);
    await refused(
      host,
      `migrate db --to ${dead}`,
      new RegExp(`^${dead} is not live \\(dead, fenced or`, "m"),
    );
    await refused(
      host,
      `drain ${host}`,
      new RegExp(`^nothing was moved from ${host}: (?=.*db)(?=.*cache)`, "m"),
    );
    const before = await owners();
    const { code, stdout } = await on(host, `drain ${host} --partial`);
    assert.equal(code, 1);
    assert.match(stdout, /^Not moved: .*db/m);
    assert.match(stdout, /^Not moved: .*cache/m);
    assert.deepEqual(await owners(), before);
  });

  it("the last live host cannot be fenced", async () => {
    const host = await primaryOf("db");
    await lab.kill("m3");
    await untilDead(host, "m3");
    await refused(
      host,
      `fence ${host} --yes`,
      new RegExp(`^${host} is the last live host: no other could`, "m"),
    );
  });
});
