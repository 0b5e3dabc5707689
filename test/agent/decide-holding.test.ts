import assert from "node:assert/strict";
import { type Decision, decide } from "../../provider/agent/decide";
import { containerOf, inputOf, preparedCopy, servingCopy } from "./support/views";

const DAY_MS = 86_400_000;

describe("The files of the named generation", () => {
  const does = (expected: Decision["do"], host: string, change: Parameters<typeof inputOf>[1]) =>
    assert.equal(decide(inputOf(host, change)).do, expected);
  const heldElsewhere = containerOf({ generation: { holders: ["a", "c"] } });

  it("are fetched by a standby that is no holder, whether it has them by chance or not", () => {
    does("fetch", "b", { container: heldElsewhere, stored: new Set() });
    does("fetch", "b", { container: heldElsewhere });
  });

  it("are left alone by a host that is neither owner nor standby", () =>
    does("nothing", "c", { stored: new Set(), copy: { ...preparedCopy(), state: "absent" } }));

  it("are not fetched twice at once, nor right after that failed", () => {
    const copy = { ...preparedCopy(), tending: true };
    does("nothing", "b", { container: heldElsewhere, copy });
    const later = { ...preparedCopy(), noTendingBefore: 100_001 };
    does("nothing", "b", { container: heldElsewhere, copy: later });
  });

  it("are looked at where the record calls the host a holder and they are not there, on owner and standby", () => {
    does("scrub", "b", { stored: new Set() });
    does("scrub", "a", { stored: new Set() });
    does("scrub", "b", { copy: { ...preparedCopy(), damaged: "7-3" } });
  });

  it("are hashed once when the agent starts, and again after a day", () => {
    does("scrub", "b", { copy: { ...preparedCopy(), checked: null } });
    const checked = { key: "7-3", at: 100_000 };
    does("nothing", "b", { copy: { ...preparedCopy(), checked }, now: checked.at + DAY_MS - 1 });
    does("scrub", "b", { copy: { ...preparedCopy(), checked }, now: checked.at + DAY_MS });
    does("scrub", "a", { copy: servingCopy({ checked }), now: checked.at + DAY_MS });
  });

  it("are replaced by a new checkpoint when the owner alone held them and lost them", () => {
    const container = containerOf({ generation: { holders: ["a"] } });
    does("checkpoint", "a", {
      container,
      stored: new Set(),
      copy: servingCopy({ noTendingBefore: 200_000 }),
    });
  });

  it("are no matter before a take-over is decided", () =>
    does("take-over", "b", {
      container: containerOf({ generation: { holders: ["a", "b"] } }),
      fence: { seenAt: 90_000, waitMs: 0 },
    }));
});
