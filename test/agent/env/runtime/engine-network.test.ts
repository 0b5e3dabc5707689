import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureNetwork, type NetworkCommands } from "../../../../provider/agent/env/runtime/engine-network";
import { temporaryFolder } from "../support/generations";

const plan = { parent: "eth0", subnet: "10.77.0.0/24" };

describe("The engine's network", () => {
  let folder: string;
  let network: string;
  beforeEach(() => {
    folder = temporaryFolder();
    network = join(folder, "network");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** An engine whose network is a folder; `during`: what happens between the look and the creation. */
  function commands(during = "true", same: NetworkCommands["same"] = () => true): NetworkCommands {
    const sh = (script: string) => ["sh", "-c", script, "sh", network];
    return {
      networkInspect: () => sh('test -d "$1"'),
      networkRemove: () => sh('rmdir "$1"'),
      networkCreate: () => sh(`${during}; mkdir "$1" || { echo network already exists >&2; exit 125; }`),
      same,
    };
  }

  it("is made once, and left alone where it is as planned", async () => {
    assert.equal(await ensureNetwork(commands(), plan), true);
    assert.equal(await ensureNetwork(commands(), plan), false);
  });

  it("is as good when another one was first to make it", async () => {
    assert.equal(await ensureNetwork(commands('mkdir "$1"'), plan), true);
  });

  it("is refused with the engine's reason where what another one made is of other settings", async () => {
    const other = commands('mkdir "$1"', () => false);
    await assert.rejects(ensureNetwork(other, plan), /network already exists/);
  });

  it("of which nothing can be understood is made anew", async () => {
    mkdirSync(network);
    let looks = 0;
    const strange = commands("true", () => {
      looks += 1;
      throw new Error("no JSON");
    });
    assert.equal(await ensureNetwork(strange, plan), true);
    assert.equal(looks, 1);
  });
});
