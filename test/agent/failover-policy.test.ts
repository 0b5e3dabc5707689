import assert from "node:assert/strict";
import { mayFenceForSilence, mayTake } from "../../provider/agent/failover-policy";
import type { Fence, Owner } from "../../provider/contract";
import { AT, ownerOf } from "./support/views";

const command = ["off", "{host}"];
const fence = (change: Partial<Fence>): Fence => ({ by: "b", method: "timeout", at: AT, ...change });

describe("The failover policy", () => {
  it("lets silence alone fence only where it is automatic and no fencing command is required", () => {
    assert.ok(mayFenceForSilence({ failover: "automatic" }));
    assert.ok(mayFenceForSilence({ failover: "automatic", fencing: { command, required: false } }));
    assert.ok(!mayFenceForSilence({ failover: "automatic", fencing: { command, required: true } }));
    assert.ok(!mayFenceForSilence({ failover: "stonith-only", fencing: { command, required: false } }));
    assert.ok(!mayFenceForSilence({ failover: "manual" }));
  });

  const manual = (owner: Partial<Owner>, by: Fence | null, host = "b") =>
    mayTake({ failover: "manual" }, { owner: ownerOf(owner), fence: by, host });

  it("manual lets nobody take what was given up, or whose host was restarted", () => {
    assert.ok(!manual({ phase: "STOPPED" }, null));
    assert.ok(!manual({}, fence({ by: "a", method: "reboot" })));
    assert.ok(!manual({}, fence({ by: "a", method: "operator" })));
    assert.ok(mayTake({ failover: "automatic" }, { owner: ownerOf(), fence: null, host: "b" }));
  });

  it("manual lets a host take its own container again after its restart", () => {
    assert.ok(manual({}, fence({ by: "a", method: "reboot" }), "a"));
  });

  it("manual lets the host take it that an operator wants, and any host where an operator fenced", () => {
    assert.ok(manual({ phase: "STOPPED", failoverTo: "b" }, null));
    assert.ok(!manual({ phase: "STOPPED", failoverTo: "b" }, null, "c"));
    assert.ok(manual({}, fence({ by: "an operator on b", method: "operator" }), "c"));
  });
});
