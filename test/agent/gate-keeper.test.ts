import assert from "node:assert/strict";
import { type Context, localOf } from "../../provider/agent/context";
import { createGateKeeper, type GateConfig, gateConfig } from "../../provider/agent/gate-keeper";
import { parkedMac, probeShim, realMac, shimMac } from "../../provider/contract";
import { policyOf } from "../sim/group";
import { containerOf, hostOf, meOf, viewOf } from "./support/views";

function contextOf(configure: (config: GateConfig) => Promise<void> = async () => {}): Context {
  return {
    env: { gate: { configure } },
    me: meOf("a"),
    policy: policyOf({ hosts: ["a", "b"] }),
    view: viewOf([hostOf("a")], [containerOf()]),
    locals: new Map(),
  } as unknown as Context;
}

describe("What the gate is told", () => {
  it("is every MAC that any copy may have anywhere, and the one that each copy here has", () => {
    const context = contextOf();
    const real = realMac("sim", "db");
    const [parkedA, parkedB] = ["a", "b"].map((host) => parkedMac("sim", "db", host));
    assert.deepEqual(gateConfig(context).protected, [real, parkedA, parkedB].sort());
    assert.deepEqual(gateConfig(context).here, []);
    localOf(context, "db").mac = "parked";
    assert.deepEqual(gateConfig(context).here, [parkedA]);
    localOf(context, "db").mac = "real";
    assert.deepEqual(gateConfig(context).here, [real]);
    assert.deepEqual(gateConfig(context).probe, [shimMac("sim", "a", probeShim)]);
  });

  it("keeps the MACs of a copy that the store does not name any more", () => {
    const context = contextOf();
    localOf(context, "old").mac = "real";
    assert.ok(gateConfig(context).protected.includes(realMac("sim", "old")));
  });

  it("is to ask for promises only where the group serves on without a quorum", () => {
    const context = contextOf();
    assert.equal("failsafe" in gateConfig(context), false);
    context.policy = { ...context.policy, onQuorumLoss: "failsafe" };
    assert.equal(gateConfig(context).failsafe, true);
  });

  it("is told once, until it changes", async () => {
    const told: GateConfig[] = [];
    const context = contextOf(async (config) => void told.push(config));
    const sync = createGateKeeper(context);
    await sync();
    await sync();
    assert.equal(told.length, 1);
    localOf(context, "db").mac = "parked";
    await sync();
    assert.equal(told.length, 2);
  });

  it("is told again when the last change is still on its way and is already out of date", async () => {
    const told: string[][] = [];
    let arrive = () => {};
    const context = contextOf(async ({ here }) => {
      told.push(here);
      if (told.length === 2) await new Promise<void>((resolve) => (arrive = resolve));
    });
    const sync = createGateKeeper(context);
    localOf(context, "db").mac = "parked";
    await sync();
    localOf(context, "db").mac = null;
    const removal = sync();
    localOf(context, "db").mac = "parked";
    await sync();
    arrive();
    await removal;
    assert.deepEqual(told.at(-1), [parkedMac("sim", "db", "a")]);
    assert.equal(told.length, 3);
  });

  it("is told again after it could not be told", async () => {
    let attempts = 0;
    const context = contextOf(async () => {
      attempts += 1;
      if (attempts === 1) throw new Error("nft failed");
    });
    const sync = createGateKeeper(context);
    await assert.rejects(sync(), /nft failed/);
    await sync();
    assert.equal(attempts, 2);
  });
});
