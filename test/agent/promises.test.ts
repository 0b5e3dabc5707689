import assert from "node:assert/strict";
import { type Context, localOf } from "../../provider/agent/context";
import { membersBehind, wantedMembers } from "../../provider/agent/failsafe";
import { createPromises, isBound, promise } from "../../provider/agent/promises";
import type { ContainerView } from "../../provider/agent/view";
import { type Fence, fenceAfterMs, realMac } from "../../provider/contract";
import { policyOf } from "../sim/group";
import { AT, containerOf, hostOf, meOf, rec, viewOf } from "./support/views";

const NOW = 100_000;
const ASKED = { op: "promise", host: "a", sid: "a-1", leaseMs: 2000 } as const;

/** Host b long after its start: it reads the store no more since a second, and saw a renew until then. */
function contextOf({ members = ["a", "b", "c"], fence }: { members?: string[]; fence?: Fence } = {}) {
  const time = { now: NOW };
  const policy = policyOf({ hosts: ["a", "b", "c"] });
  const seen = { rev: 3, sessionRev: 2, seenAt: NOW - 1200, stillSince: NOW - 1200, leaseMs: 2000 };
  const container: ContainerView = { ...containerOf(), failsafe: rec({ members }, 14) };
  const context = {
    env: { clock: { now: () => time.now } },
    me: meOf("b"),
    policy,
    view: viewOf([hostOf("a", { fence }), hostOf("b"), hostOf("c")], [container]),
    observations: {
      hosts: new Map([["a", seen]]),
      lastGoodRead: NOW - 1000,
      fences: new Map(),
      stopped: new Map(),
    },
    locals: new Map(),
    clockAlarms: new Set<string>(),
    promises: createPromises(0),
    firm: true,
  };
  return { context: context as typeof context & Context, time, seen, container };
}

const byHand = (method: Fence["method"], more: Partial<Fence> = {}): Fence => ({
  by: "x",
  method,
  at: AT,
  ...more,
});

describe("A promise to leave a host without a quorum what it owns", () => {
  it("is kept for W by the own clock, by the lease that was asked for", () => {
    const { context, time } = contextOf();
    const { forMs } = promise(context, { ...ASKED, leaseMs: 6000 });
    assert.equal(forMs, fenceAfterMs(context.policy.timing, 6000));
    time.now = NOW + forMs - 1;
    assert.equal(isBound(context, "a", "a-1"), true);
    time.now = NOW + forMs;
    assert.equal(isBound(context, "a", "a-1"), false);
  });

  it("is not shortened by a later one for a shorter lease", () => {
    const { context, time } = contextOf();
    const { forMs } = promise(context, { ...ASKED, leaseMs: 6000 });
    promise(context, { ...ASKED, leaseMs: 500 });
    time.now = NOW + forMs - 1;
    assert.equal(isBound(context, "a", "a-1"), true);
  });

  it("binds to that session only", () => {
    const { context } = contextOf();
    promise(context, ASKED);
    assert.equal(isBound(context, "a", "a-2"), false);
  });

  const refusals: [string, RegExp, (o: ReturnType<typeof contextOf>) => void][] = [
    [
      "whose session has a tombstone",
      /its session has ended/,
      ({ context }) => context.view.hosts.get("a")!.fences.set("a-1", rec(byHand("timeout"))),
    ],
    [
      "that has begun another session",
      /its session has ended/,
      ({ context }) => context.view.hosts.set("a", hostOf("a", { sid: "a-2" })),
    ],
    [
      "by one that has just begun",
      /it has just begun/,
      ({ context }) => {
        context.firm = false;
      },
    ],
    [
      "that it is taking over from",
      /taking over/,
      ({ context }) => {
        localOf(context, "db").busy = "take-over";
      },
    ],
    [
      "that it sent a fence for which may still commit",
      /may still commit/,
      ({ context, seen }) => {
        context.promises.unsettled.set("a", seen.rev);
      },
    ],
    [
      "that it is switching off",
      /switching it off/,
      ({ context }) => {
        context.promises.ending.add("a");
      },
    ],
    [
      "whose clock runs too differently",
      /clocks/,
      ({ context }) => {
        context.clockAlarms = new Set(["a"]);
      },
    ],
    [
      "that alone is without the store",
      /shows no renewal/,
      ({ context }) => {
        context.observations = { ...context.observations, lastGoodRead: NOW + 25 };
      },
    ],
    [
      "that it never saw",
      /never seen/,
      ({ context }) => {
        context.observations = { ...context.observations, hosts: new Map() };
      },
    ],
  ];
  for (const [which, why, change] of refusals)
    it(`is not given to a host ${which}`, () => {
      const world = contextOf();
      change(world);
      assert.throws(() => promise(world.context, ASKED), why);
      assert.equal(world.context.promises.until.size, 0);
    });

  it("is given again when a fence without a reply can commit no more, since the host has renewed", () => {
    const { context, seen } = contextOf();
    context.promises.unsettled.set("a", seen.rev - 1);
    assert.doesNotThrow(() => promise(context, ASKED));
  });
});

describe("A host that was not asked or has forgotten whom it promised", () => {
  it("takes nothing for W after its start, from a session that may have its promise", () => {
    const { context, time } = contextOf();
    context.promises = createPromises(NOW);
    const waitMs = fenceAfterMs(context.policy.timing, 2000);
    time.now = NOW + waitMs - 1;
    assert.equal(isBound(context, "a", "a-1"), true);
    time.now = NOW + waitMs;
    assert.equal(isBound(context, "a", "a-1"), false);
  });

  it("takes nothing from an owner on whose list it is not", () => {
    const { context } = contextOf({ members: ["a", "c"] });
    assert.equal(isBound(context, "a", "a-1"), true);
  });

  for (const fence of [byHand("reboot"), byHand("stonith"), byHand("operator", { confirmedOff: true })])
    it(`may take what a host owned that is surely off: ${JSON.stringify(fence)}`, () => {
      const { context } = contextOf({ members: ["a", "c"], fence });
      context.promises = createPromises(NOW);
      assert.equal(isBound(context, "a", "a-1"), false);
    });

  it("is bound by nothing where the group freezes without a quorum", () => {
    const { context, container } = contextOf();
    context.promises = createPromises(NOW);
    container.failsafe = null;
    assert.equal(isBound(context, "a", "a-1"), false);
  });
});

describe("Who is asked for promises", () => {
  const mac = realMac("sim", "db");
  const asOwner = () => {
    const { context } = contextOf();
    context.me = meOf("a");
    localOf(context, "db").failsafe = { epoch: 7, members: ["a", "b", "c"] };
    return context;
  };

  it("is every other host on the list of what is open", () => {
    assert.deepEqual(membersBehind(asOwner(), [mac]), ["b", "c"]);
  });

  it("is nobody, and nothing is served on, where the list was recorded for an earlier epoch", () => {
    const context = asOwner();
    localOf(context, "db").failsafe = { epoch: 6, members: ["a"] };
    assert.throws(() => membersBehind(context, [mac]), /not recorded/);
  });

  it("is nobody where this agent has not recorded the list itself: an earlier one may still change it", () => {
    const context = asOwner();
    localOf(context, "db").failsafe = null;
    assert.throws(() => membersBehind(context, [mac]), /not recorded/);
  });

  it("is nobody where something is open that nothing is known of", () => {
    assert.throws(() => membersBehind(asOwner(), [mac, realMac("sim", "other")]), /nothing is known/);
  });

  it("are the members of the group but for witnesses and other hosts in maintenance", () => {
    const policy = policyOf({ hosts: ["a", "b", "c", "d"] });
    const [a, b, c, d] = policy.hosts;
    const hosts = [
      { ...d!, role: "witness" as const },
      { ...c!, maintenance: true },
      b!,
      { ...a!, maintenance: true },
    ];
    const changed = { ...policy, hosts, onQuorumLoss: "failsafe" as const };
    assert.deepEqual(wantedMembers({ me: meOf("a"), policy: changed }), ["a", "b"]);
    assert.equal(wantedMembers({ me: meOf("a"), policy }), null);
  });
});
