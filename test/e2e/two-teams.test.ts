import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { redisImage } from "../lab/image";
import { containerStatus, groupStatus, isProtected, untilContainer } from "../support/group";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { openStack, type Stack } from "../support/pulumi";
import { redisCommand } from "../support/redis-client";
import { changed, refused, succeeded } from "../support/runs";

/** One team's stack owns hosts and group, the other teams' stacks own what runs on them. */
labSuite("a group of one team's stack, used by the stacks of others", { hosts: 3 }, (lab) => {
  const folder = mkdtempSync(join(tmpdir(), "two-teams-"));
  const archive = join(folder, "redis.tar");
  const addresses = { cache: 120, queue: 121 };
  const addressOf = (name: keyof typeof addresses) => `${lab.subnet}.${addresses[name]}`;
  let platform: Stack;
  let shop: Stack;
  let stranger: Stack;
  const openShop = async (stack: string, names: (keyof typeof addresses)[]) => {
    const opened = await openStack({
      example: "shop",
      stack,
      source: "test/e2e/programs/shop",
      beside: platform,
    });
    const containers = Object.fromEntries(names.map((name) => [name, addressOf(name)]));
    await opened.configure({ platform: "organization/platform/lab", archive, containers }, {});
    return opened;
  };

  before("open the stacks", async () => {
    if (!lab.hosts) return;
    platform = await openStack({ example: "platform", stack: "lab", source: "test/e2e/programs/platform" });
    await platform.configure(
      { hosts: lab.hosts.map(({ name, address, hostKey }) => ({ name, address, hostKey })) },
      { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
    );
    shop = await openShop("lab", ["cache", "queue"]);
    stranger = await openShop("stranger", ["cache"]);
    await lab.writeArchive("localhost/redis:lab", redisImage, archive);
  });
  after("close the stacks", () => {
    for (const stack of [stranger, shop, platform]) stack?.dispose();
    rmSync(folder, { recursive: true });
  });

  it("the platform's `up` needs no root login: a user who may sudo is enough, and the handle is a secret", async () => {
    const { output } = await platform.up();
    assert.match(output, /handle\s*: \[secret\]/);
    assert.deepEqual((await groupStatus(lab)).containers, []);
  });

  it("another team's `up` reaches the group through its handle and uploads the image, which no registry has", async () => {
    succeeded(await shop.up());
    for (const name of ["cache", "queue"] as const) {
      await untilContainer(lab, name, { what: "protection", limitMs: 60_000, holds: isProtected });
      assert.equal(await redisCommand(addressOf(name), "PING"), "PONG");
    }
    assert.deepEqual(changed(succeeded(await shop.preview())), {});
  });

  it("a rule that names the containers as resources keeps them apart", async () => {
    const primaries = [await containerStatus(lab, "cache"), await containerStatus(lab, "queue")];
    assert.notEqual(primaries[0]!.primary, primaries[1]!.primary);
  });

  it("a third team cannot take a container's name: it is told whose it is, and the container runs on", async () => {
    const before = await containerStatus(lab, "cache");
    assert.match(refused(await stranger.up()), /cache[^\n]* belongs to stack shop\/lab/);
    assert.equal((await containerStatus(lab, "cache")).epoch, before.epoch);
    assert.equal(await redisCommand(addressOf("cache"), "PING"), "PONG");
  });

  it("each stack's `destroy` takes what is its own, and nothing is left after the last", async () => {
    succeeded(await stranger.destroy());
    assert.deepEqual((await groupStatus(lab)).containers.map(({ name }) => name).sort(), ["cache", "queue"]);
    succeeded(await shop.destroy());
    assert.deepEqual((await groupStatus(lab)).containers, []);
    succeeded(await platform.destroy());
    assert.deepEqual(await leftovers(lab), []);
  });
});
