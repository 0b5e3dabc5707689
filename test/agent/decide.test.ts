import assert from "node:assert/strict";
import { type Decision, decide } from "../../provider/agent/decide";
import { containerSpecSchema, type Owner, specDigest } from "../../provider/contract";
import { specOf } from "../sim/group";
import {
  containerOf,
  copyOf,
  hostOf,
  inputOf,
  preparedCopy,
  rec,
  servingCopy,
  viewOf,
} from "./support/views";

const changedSpec = { ...specOf({ image: "redis:8" }), candidates: ["a", "b", "c"] };
const fenced = { seenAt: 90_000, waitMs: 0 };

function withOnFailure(onFailure: object) {
  return { ...containerSpecSchema.parse({ ...specOf(), onFailure }), candidates: ["a", "b", "c"] };
}

describe("The owner of a container", () => {
  const does = (expected: Decision["do"], change: Parameters<typeof inputOf>[1]) =>
    assert.equal(decide(inputOf("a", change)).do, expected);

  it("does nothing while it runs, is joined and has its generation everywhere", () => does("nothing", {}));

  it("begins while its phase is RESTORING, also after a restart in the middle of it", () => {
    for (const state of ["absent", "prepared", "held", "running", "exited"] as const)
      does("begin", { container: containerOf({ owner: { phase: "RESTORING" } }), copy: copyOf({ state }) });
  });

  it("touches nothing while its lease has lapsed", () => {
    does("nothing", { lapsed: true, copy: servingCopy({ state: "frozen", joined: false }) });
    does("nothing", { lapsed: true, copy: copyOf({ state: "exited" }) });
    does("nothing", { lapsed: true, container: containerOf({ spec: changedSpec }) });
  });

  it("thaws and joins again what is frozen when its lease is live again", () =>
    does("resume", { copy: servingCopy({ state: "frozen", joined: false }) }));

  it("opens the gate again for what runs but is not joined", () =>
    does("rejoin", { copy: servingCopy({ joined: false }) }));

  it("records who may take it from a fenced host, anew under each epoch, where promises may stand in for the store", () => {
    const wantedMembers = ["a", "b", "c"];
    const known = (epoch: number, members: string[]) => servingCopy({ failsafe: { epoch, members } });
    does("nothing", { wantedMembers, copy: known(7, ["c", "b", "a"]) });
    does("list-members", { wantedMembers });
    does("list-members", { wantedMembers, copy: known(6, wantedMembers) });
    does("list-members", { wantedMembers, copy: known(7, ["a", "b"]) });
    const container = { ...containerOf(), failsafe: rec({ members: ["a", "b"] }, 14) };
    does("list-members", { container });
    does("list-members", { container, wantedMembers });
  });

  it("restores after a crash, restarts cold or gives up, as its policy for crashes says", () => {
    const copy = copyOf({ state: "exited", detail: "exit code 1" });
    const reaction = (crash: string) =>
      decide(inputOf("a", { copy, container: containerOf({ spec: withOnFailure({ crash }) }) }));
    assert.deepEqual(reaction("restore"), {
      do: "begin-again",
      cold: false,
      because: "it ended: exit code 1",
    });
    assert.deepEqual(reaction("restart"), {
      do: "begin-again",
      cold: true,
      because: "it ended: exit code 1",
    });
    assert.equal(reaction("failover").do, "give-up");
  });

  it("gives up after as many tries as allowed, unless it ran stably since", () => {
    const container = containerOf({ owner: { tries: 3 } });
    does("give-up", { container, copy: copyOf({ state: "exited", runningSince: 99_000 }) });
    does("begin-again", { container, copy: copyOf({ state: "exited", runningSince: 30_000 }) });
  });

  it("restarts an unhealthy application cold, fails it over or leaves it, as its policy says", () => {
    const copy = servingCopy({ unhealthy: "its probe failed" });
    const reaction = (application: string) =>
      decide(inputOf("a", { copy, container: containerOf({ spec: withOnFailure({ application }) }) }));
    assert.deepEqual(reaction("restart"), { do: "begin-again", cold: true, because: "its probe failed" });
    assert.equal(reaction("failover").do, "give-up");
    assert.equal(reaction("ignore").do, "nothing");
  });

  it("restores an unhealthy application here, then elsewhere, and begins cold only when both were in vain", () => {
    const gen = { epoch: 7, gen: 3 };
    const copy = servingCopy({ unhealthy: "its probe failed", runningSince: 99_000 });
    const reaction = (owner: Partial<Owner>, heirs = ["b"]) =>
      decide(inputOf("a", { copy, heirs, container: containerOf({ owner }) }));
    const again = (cold: boolean) => ({ do: "begin-again", cold, because: "its probe failed" });
    assert.deepEqual(reaction({ gen: null }), again(false));
    assert.equal(reaction({ gen, tries: 1 }).do, "give-up");
    assert.deepEqual(reaction({ gen, tries: 0, triedHosts: ["b"] }), {
      ...again(true),
      because: "its probe failed; it was so again with its memory restored, on b and on a",
    });
    // Nobody else could take it.
    assert.deepEqual(reaction({ gen, tries: 1 }, []), again(false));
    const { because, ...cold } = reaction({ gen, tries: 2 }, []);
    assert.deepEqual(cold, { do: "begin-again", cold: true });
    assert.match(because, /restored, on a$/);
    assert.equal(reaction({ gen: null, tries: 3 }).do, "give-up");
  });

  it("restores an unhealthy application that ran stably, whatever was tried before", () => {
    const container = containerOf({ owner: { tries: 2, triedHosts: ["b"] } });
    const decided = decide(inputOf("a", { container, copy: servingCopy({ unhealthy: "its probe failed" }) }));
    assert.deepEqual(decided, { do: "begin-again", cold: false, because: "its probe failed" });
  });

  it("begins an unhealthy application cold where it has no memory to go on from", () => {
    const container = containerOf({ generation: null });
    const decided = decide(inputOf("a", { container, copy: servingCopy({ unhealthy: "its probe failed" }) }));
    assert.deepEqual(decided, { do: "begin-again", cold: true, because: "its probe failed" });
  });

  it("takes no checkpoint while a probe fails, unless its failures are to be ignored", () => {
    const doubted = { copy: servingCopy({ doubted: true }), checkpointDueInMs: 0 };
    does("nothing", doubted);
    does("checkpoint", {
      ...doubted,
      container: containerOf({ spec: withOnFailure({ application: "ignore" }) }),
    });
    does("checkpoint", { checkpointDueInMs: 0 });
  });

  it("begins again cold when the specification changed, in every phase", () => {
    for (const phase of ["RESTORING", "RUNNING", "STOPPED", "FAILED"] as const) {
      const container = containerOf({ spec: changedSpec, owner: { phase } });
      assert.deepEqual(decide(inputOf("a", { container })), {
        do: "begin-again",
        cold: true,
        because: "its specification changed",
      });
    }
  });

  it("forgets earlier tries after a stable run, but not while a checkpoint is about to be committed", () => {
    const container = containerOf({ owner: { tries: 1, triedHosts: ["b"] } });
    does("forget-tries", { container });
    does("nothing", { container, copy: servingCopy({ checkpointing: true }) });
    does("nothing", { container, copy: servingCopy({ runningSince: 99_000 }) });
  });

  it("assigns standbys when the wanted ones differ, whatever their order", () => {
    does("assign-standbys", { wantedStandbys: ["c"] });
    does("assign-standbys", { container: containerOf({ standbys: null }) });
    does("nothing", {
      container: containerOf({ standbys: ["b", "c"], generation: { holders: ["a", "b", "c"] } }),
      wantedStandbys: ["c", "b"],
    });
  });

  it("takes a checkpoint when there is none, when it holds none itself any more, and when it is due", () => {
    does("checkpoint", { container: containerOf({ generation: null }) });
    does("checkpoint", { container: containerOf({ generation: { holders: ["b", "c"] } }) });
    does("checkpoint", { checkpointDueInMs: 0 });
    does("nothing", { checkpointDueInMs: 0, copy: servingCopy({ checkpointing: true }) });
  });

  it("leaves it alone just after it began from a generation, and protects at once what has none", () => {
    const copy = servingCopy({ runningSince: 99_900 });
    does("nothing", { copy, checkpointDueInMs: 0 });
    does("nothing", { copy, container: containerOf({ standbys: null }) });
    does("checkpoint", { copy, container: containerOf({ generation: null }) });
    does("checkpoint", { copy: servingCopy({ runningSince: 99_000 }), checkpointDueInMs: 0 });
  });

  it("waits after a checkpoint that not every standby took, before it tries again", () => {
    const copy = servingCopy({ lastCheckpoint: { at: 99_000, ok: true, failures: 1 } });
    const container = containerOf({ generation: { holders: ["b", "c"] } });
    does("nothing", { copy, container });
    does("checkpoint", { copy, container, checkpointDueInMs: 0 });
  });

  it("takes no checkpoint that nobody could hold", () =>
    does("nothing", {
      container: containerOf({ standbys: [], generation: null }),
      wantedStandbys: [],
      checkpointDueInMs: 0,
    }));

  it("that gave it up removes its copy, waits for those who may take it, and says FAILED when there are none", () => {
    const stopped = (triedHosts: string[]) => containerOf({ owner: { phase: "STOPPED", triedHosts } });
    does("evict", { container: stopped(["a"]), copy: copyOf({ state: "exited" }) });
    does("nothing", { container: stopped(["a"]), copy: copyOf(), candidates: ["a"] });
    does("nothing", { container: stopped(["a", "b"]), copy: copyOf() });
    does("give-up", { container: stopped(["a", "b", "c"]), copy: copyOf() });
    does("give-up", { container: stopped(["a", "b"]), copy: copyOf(), takers: ["a", "b"] });
    does("scrub", { container: stopped(["a"]), copy: copyOf({ damaged: "7-3" }) });
    does("nothing", { container: containerOf({ owner: { phase: "FAILED" } }), copy: copyOf() });
  });
});

describe("A host that does not own a container", () => {
  const does = (expected: Decision["do"], change: Parameters<typeof inputOf>[1], host = "b") =>
    assert.equal(decide(inputOf(host, change)).do, expected);

  it("removes whatever runs there, and any copy that has the MAC in operation", () => {
    for (const state of ["running", "frozen", "exited"] as const) does("evict", { copy: copyOf({ state }) });
    does("evict", { copy: copyOf({ state: "held", mac: "real" }) });
    does("evict", { copy: copyOf({ state: "running" }), me: { ...inputOf("a").me, sid: "a-2" } }, "a");
  });

  it("removes what runs although nobody owns it", () =>
    does("evict", { container: containerOf({ owner: null }), copy: copyOf({ state: "running" }) }));

  it("prepares a copy as a standby, again for another specification, and removes it when it is none any more", () => {
    does("prepare", { copy: copyOf() });
    does("prepare", { copy: { ...preparedCopy(), specDigest: specDigest(changedSpec) } });
    does("evict", { container: containerOf({ standbys: ["c"] }) });
    does("nothing", { container: containerOf({ standbys: ["c"] }), copy: copyOf() });
  });

  it("restores and holds the generation when the owner is suspected, if it has it and could run it", () => {
    const suspects = new Set(["a"]);
    does("hold", { suspects });
    does("scrub", { suspects, stored: new Set(["7-2"]) });
    does("nothing", { suspects, candidates: ["a", "c"] });
    does("nothing", { suspects, copy: { ...preparedCopy(), noHoldBefore: 100_001 } });
    does("nothing", {
      suspects,
      container: containerOf({ spec: changedSpec }),
      copy: { ...preparedCopy(), specDigest: specDigest(changedSpec) },
    });
  });

  it("lets go what it holds when the owner is alive, when a newer one is named, and before the engine blocks", () => {
    const held = (change: object = {}) =>
      copyOf({ state: "held", mac: "parked", held: { epoch: 7, gen: 3 }, heldSince: 99_000, ...change });
    const suspects = new Set(["a"]);
    does("nothing", { copy: held(), suspects });
    does("discard", { copy: held() });
    does("discard", { copy: held({ held: { epoch: 7, gen: 2 } }), suspects });
    does("discard", { copy: held({ heldSince: 94_000 }), suspects });
    does("discard", { copy: held({ held: null }), suspects });
  });

  it("never takes it over on suspicion alone, nor while the owner's session stands", () => {
    does("hold", { suspects: new Set(["a"]), candidates: ["b", "c"] });
    does("nothing", { candidates: ["b", "c"] });
  });

  it("takes it over after the fence, when it holds the generation", () => {
    does("take-over", { fence: fenced, candidates: ["b", "c"] });
    does("scrub", { fence: fenced, candidates: ["b", "c"], stored: new Set() });
    does("nothing", { fence: fenced, candidates: ["c"] });
  });

  it("waits W from its own first read of a tombstone that says nothing of W", () => {
    const fence = { seenAt: 98_000, waitMs: 2450 };
    does("nothing", { fence, candidates: ["b", "c"] });
    does("take-over", { fence: { ...fence, seenAt: 97_000 }, candidates: ["b", "c"] });
  });

  it("leaves the standbys a head start when it comes later in the order", () => {
    const container = containerOf({ standbys: ["b", "c"], generation: { holders: ["a", "b", "c"] } });
    const change = (seenAt: number) => ({ container, fence: { seenAt, waitMs: 0 }, candidates: ["b", "c"] });
    does("take-over", change(100_000), "b");
    does("nothing", change(100_000), "c");
    does("take-over", change(99_850), "c");
  });

  it("that was the owner in an earlier session comes a second after the standbys", () => {
    const me = { ...inputOf("a").me, sid: "a-2" };
    const change = (seenAt: number) => ({ me, copy: copyOf(), fence: { seenAt, waitMs: 0 } });
    does("nothing", change(99_100), "a");
    does("take-over", change(99_000), "a");
  });

  it("does not wait for its turn when it already holds the restored generation", () => {
    const copy = copyOf({ state: "held", mac: "parked", held: { epoch: 7, gen: 3 }, heldSince: 99_000 });
    const container = containerOf({ standbys: ["b", "c"], generation: { holders: ["a", "b", "c"] } });
    does(
      "take-over",
      { copy, container, fence: { seenAt: 100_000, waitMs: 0 }, candidates: ["b", "c"] },
      "c",
    );
  });

  it("takes what its owner gave up without a fence, in turn, and never twice", () => {
    const container = (triedHosts: string[]) =>
      containerOf({
        owner: { phase: "STOPPED", triedHosts },
        standbys: ["b", "c"],
        generation: { holders: ["a", "b", "c"] },
      });
    does("take-over", { container: container(["a"]), stoppedSince: 100_000 }, "b");
    does("nothing", { container: container(["a"]), stoppedSince: 100_000 }, "c");
    does("take-over", { container: container(["a"]), stoppedSince: 99_800 }, "c");
    does("nothing", { container: container(["a", "b"]), stoppedSince: 90_000 }, "b");
    does("take-over", { container: container(["a", "b"]), stoppedSince: 100_000 }, "c");
  });

  it("fetches the generation of what nobody who holds it will take, from a live holder, and takes it then", () => {
    const stopped = (change: object) => ({
      container: containerOf({ owner: { phase: "STOPPED", triedHosts: ["a", "b"], host: "b", sid: "b-1" } }),
      stoppedSince: 99_000,
      stored: new Set<string>(),
      copy: copyOf(),
      ...change,
    });
    does("fetch", stopped({}), "c");
    does("nothing", stopped({ sources: [] }), "c");
    does("nothing", stopped({ candidates: ["a", "b"] }), "c");
    does("nothing", stopped({ copy: copyOf({ tending: true }) }), "c");
    does("nothing", stopped({ copy: copyOf({ noTendingBefore: 100_001 }) }), "c");
    does("take-over", stopped({ stored: new Set(["7-3"]) }), "c");
  });

  it("leaves it to a live holder for a while before it fetches, counted from when that one came", () => {
    const behind = (change: object) => ({
      container: containerOf({ owner: { phase: "STOPPED", triedHosts: ["a"] } }),
      stored: new Set<string>(),
      copy: copyOf(),
      stoppedSince: 90_000,
      ...change,
    });
    does("nothing", behind({ stoppedSince: 98_000 }), "c");
    does("nothing", behind({ sourcesSince: 98_000 }), "c");
    does("fetch", behind({}), "c");
    does("fetch", behind({ stoppedSince: 99_000, candidates: ["a", "c"] }), "c");
  });

  it("is the one that an operator wants and fetches at once", () => {
    const container = containerOf({ owner: { phase: "STOPPED", failoverTo: "c" } });
    does("fetch", { container, stored: new Set(), copy: copyOf(), stoppedSince: 100_000 }, "c");
  });

  it("takes nothing while it is bound by a promise, or is on no list, but what the owner gave up", () => {
    does("nothing", { fence: fenced, bound: true });
    does("take-over", { fence: fenced, bound: false });
    const container = containerOf({ owner: { phase: "STOPPED", triedHosts: ["a"] } });
    does("take-over", { container, stoppedSince: 100_000, bound: true });
  });

  it("takes what it gave up itself once, when the host that took it died with it", () => {
    const container = containerOf({ owner: { host: "c", sid: "c-1", triedHosts: ["b"] } });
    does("take-over", { container, fence: fenced, candidates: ["b"] });
  });

  it("leaves FAILED alone until the specification changes", () => {
    const owner = { phase: "FAILED", triedHosts: ["a", "b"] } as const;
    does("nothing", {
      container: containerOf({ owner: { ...owner, triedHosts: [...owner.triedHosts] } }),
      fence: fenced,
    });
    const container = containerOf({
      spec: changedSpec,
      owner: { ...owner, triedHosts: [...owner.triedHosts] },
    });
    does("take-over", { container, fence: fenced });
  });

  it("takes over without any generation where the named one is of another specification", () =>
    does("take-over", { container: containerOf({ spec: changedSpec }), fence: fenced, stored: new Set() }));
});

describe("A container without an owner", () => {
  const unowned = (candidates: string[]) =>
    containerOf({ spec: { ...specOf(), candidates }, owner: null, generation: null, standbys: null });
  const does = (host: string, candidates: string[], live: string[]) =>
    decide(inputOf(host, { container: unowned(candidates), candidates: live, copy: copyOf() })).do;

  it("is claimed by the first of its candidates that is live, and by nobody else", () => {
    assert.equal(does("b", ["b", "a"], ["a", "b", "c"]), "claim");
    assert.equal(does("a", ["b", "a"], ["a", "b", "c"]), "nothing");
    assert.equal(does("a", ["b", "a"], ["a", "c"]), "claim");
  });

  it("is claimed by the best live host when none of its candidates is live", () =>
    assert.equal(does("c", ["b", "a"], ["c"]), "claim"));
});

describe("A container without a specification", () => {
  const removed = (owner: object | null) => containerOf({ spec: null, owner });

  it("is removed wherever a copy or a generation of it is", () => {
    assert.equal(decide(inputOf("b", { container: removed({}) })).do, "remove");
    assert.equal(decide(inputOf("c", { container: removed({}), copy: copyOf() })).do, "remove");
  });

  it("is forgotten by its owner, or by anybody when the owner can own nothing any more", () => {
    const gone = { copy: copyOf(), stored: new Set<string>() };
    assert.equal(decide(inputOf("a", { container: removed({}), ...gone })).do, "forget");
    assert.equal(decide(inputOf("b", { container: removed({}), ...gone })).do, "nothing");
    const fence = { by: "b", method: "timeout" as const, at: "" };
    const view = viewOf([hostOf("a", { fence }), hostOf("b")]);
    assert.equal(decide(inputOf("b", { container: removed({}), view, ...gone })).do, "forget");
    assert.equal(decide(inputOf("b", { container: removed(null), ...gone })).do, "forget");
  });
});

describe("A container with a record of another version", () => {
  it("is left alone by everybody, whatever runs", () => {
    const container = { ...containerOf({ spec: null }), unreadable: true };
    for (const host of ["a", "b"]) assert.equal(decide(inputOf(host, { container })).do, "nothing");
    assert.equal(decide(inputOf("b", { container, copy: copyOf({ state: "running" }) })).do, "nothing");
  });
});
