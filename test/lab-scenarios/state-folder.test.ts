import assert from "node:assert/strict";
import { rmdirSync } from "node:fs";
import { join } from "node:path";
import type { GroupHandle } from "../../provider/group-handle";
import { closeAll } from "../../provider/ssh/pool";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { connectionsTo, create, handlers, type Resource } from "../support/handlers";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { redisCommand } from "../support/redis-client";
import { redisAddress } from "../support/redis-story";

const FOLDER = "/srv/ha";
const STANDARD = "/var/lib/container-ha";

labSuite("a group with a state folder of its own", { hosts: 3, timeoutMs: 180_000 }, (lab) => {
  const members = ["ha1", "ha2"];
  const all = [...members, "ha3"];
  const created: Resource[] = [];
  let inputs: Resource["outs"];

  async function declare(...what: Parameters<typeof create>): Promise<Resource["outs"]> {
    const resource = await create(...what);
    created.push(resource);
    return resource.outs;
  }
  async function refusal(changes: Resource["outs"]): Promise<string> {
    const { inputs: checked } = await handlers.HaGroup.check({}, { ...inputs, ...changes });
    const error: unknown = await handlers.HaGroup.create(checked).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Error);
    return error.message;
  }

  before("take the operator's disk out, which the lab mounts at the standard place", async () => {
    if (!lab.hosts) return;
    for (const name of all) {
      await lab.exec(name, `umount ${STANDARD} && rmdir ${STANDARD}`);
      rmdirSync(join(lab.folder, "hosts", name, "data/container-ha"));
    }
    inputs = {
      name: "g",
      stack: "shop/dev",
      hosts: all.map((name) => ({
        name,
        address: lab.host(name).address,
        role: members.includes(name) ? "member" : "witness",
      })),
      connections: connectionsTo(all.map(lab.host)),
      stateFolder: FOLDER,
    };
  });
  afterEach(closeAll);

  it("is refused where somebody's files are in it, before any host is touched", async () => {
    await lab.exec("ha2", `mkdir -p ${FOLDER} && echo mine >${FOLDER}/photos`);
    assert.match(
      await refusal({}),
      /: stateFolder: on ha2: expected a new or empty folder, got \/srv\/ha with files in it[^\n]*$/,
    );
    assert.deepEqual(await leftovers(lab), []);
    assert.equal(await lab.exec("ha2", `cat ${FOLDER}/photos && rm ${FOLDER}/photos`), "mine\n");
  });

  it("has there what the group keeps: etcd's data, generations and images", async () => {
    const { handle } = await declare("HaGroup", inputs);
    for (const name of members) await declare("HeartbeatAgent", { name, host: name, group: "g", handle });
    const image = "registry.lab:5000/redis-lab";
    const container = { name: "redis", stack: "shop/dev", group: "g", handle: handle as GroupHandle, image };
    await declare("ProtectedContainer", { ...container, virtualIps: [redisAddress(lab)] });
    await redisCommand(redisAddress(lab), "SET", "kept", "yes");
    await untilContainer(lab, "redis", { what: "protection", limitMs: 60_000, holds: isProtected });
    for (const name of members) {
      assert.match(await lab.exec(name, `ls ${FOLDER} ${FOLDER}/store`), /etcd\n[\s\S]*\nredis\n/);
      // Looked at from below the mount.
      assert.equal(
        await lab.exec(name, `mount --bind / /mnt && ls -A /mnt${STANDARD} && umount /mnt`),
        "",
        "nothing lies in the standard place itself",
      );
    }
  });

  it("is kept: another one, or none, is refused with the way back", async () => {
    assert.match(
      await refusal({ stateFolder: "/srv/other" }),
      /on ha1: expected \/srv\/ha as before, got \/srv\/other/,
    );
    assert.match(await refusal({ stateFolder: undefined }), /on ha1: expected \/srv\/ha as before, got none/);
    const { id, outs } = created[0]!;
    const { inputs: moved } = await handlers.HaGroup.check({}, { ...inputs, stateFolder: "/srv/other" });
    assert.deepEqual((await handlers.HaGroup.diff(id, outs, moved)).replaces, ["stateFolder"]);
  });

  it("is there again after a power cut, and with it the voter's data and the generation", async () => {
    const { primary } = await containerStatus(lab, "redis");
    await lab.exec(primary!, "container-ha checkpoint redis");
    await lab.kill(primary!);
    await untilContainer(lab, "redis", {
      what: "a new primary",
      limitMs: 60_000,
      holds: (now) => now.phase === "RUNNING" && now.primary !== primary,
    });
    assert.equal(await redisCommand(redisAddress(lab), "GET", "kept"), "yes");
    await lab.start(primary!);
    await untilContainer(lab, "redis", { what: "protection again", limitMs: 90_000, holds: isProtected });
    assert.match(await lab.exec(primary!, `findmnt -no SOURCE ${STANDARD}`), /\/srv\/ha/);
    const { id, outs } = created[0]!;
    const { props } = await handlers.HaGroup.read(id, outs);
    assert.deepEqual(props.voters, all, "it came back with its data, not as a new voter");
  });

  it("is gone after `delete`, as is everything in it", async () => {
    for (const { kind, id, outs } of created.reverse()) await handlers[kind].delete(id, outs);
    assert.deepEqual(await leftovers(lab), []);
    for (const name of all)
      assert.equal(await lab.exec(name, `ls -d ${FOLDER} ${STANDARD} 2>/dev/null || true`), "");
  });
});
