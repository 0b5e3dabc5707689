import assert from "node:assert/strict";
import { statusText } from "../../../provider/agent/cli/status-text";
import { containerOf, healthyGroup, hostOf } from "./group-status";

describe("status as text", () => {
  it("shows a healthy group as two tables and nothing else", () => {
    assert.equal(
      statusText(healthyGroup()),
      `Group shop: the store has a quorum (seen from a, 2026-10-02 10:00:00Z).
Timing: lease 800 ms, fence after 1000 ms (clock discipline known: none on all hosts).
Failover: automatic: a host is replaced after its silence for that long.

HOST  ADDRESS    ROLE     STATE    LABELS                PRIMARIES  STANDBYS
a     10.0.0.1   member   live     zone=north            1          0
b     10.0.0.2   member   live     zone=south, disk=ssd  0          1
w     10.0.0.13  witness  witness  -                     0          0

CONTAINER  PHASE    PRIMARY  EPOCH  GENERATION  AGE      STANDBYS      VIRTUAL IP
redis      RUNNING  a        2      2-17        3 s ago  b (prepared)  10.0.0.100
`,
    );
  });

  it("shows what memory a warm standby takes", () => {
    const standbys = [{ host: "b", state: "WARM", warm: { epoch: 2, gen: 17, memoryMb: 71 } }];
    assert.match(
      statusText(healthyGroup({ containers: [containerOf("redis", { standbys })] })),
      / b \(WARM, 71 MB\) /,
    );
  });

  it("says of what does not execute what it does instead, why, and since when", () => {
    const frozen = containerOf("redis", { phase: "FROZEN", stalledSince: "2026-10-02T09:59:30Z" });
    const text = statusText(healthyGroup({ containers: [frozen] }));
    assert.match(text, /^redis {6}FROZEN /m);
    assert.match(text, /^redis has not executed since 2026-10-02 09:59:30Z: its cgroup is frozen\.$/m);
  });

  it("says of an engine that does not work where and why, whether a container needs it now or not", () => {
    const hosts = [hostOf("a", { engineFaults: { docker: "its daemon does not answer within 2 s" } })];
    assert.match(
      statusText(healthyGroup({ hosts })),
      /^docker does not work on a: its daemon does not answer within 2 s\.$/m,
    );
  });

  it("has a sentence for each thing that is wrong", () => {
    const group = healthyGroup({
      quorum: false,
      timing: "lease 2000 ms.",
      hosts: [
        hostOf("a", { certificateDaysLeft: 12.7 }),
        hostOf("b", { state: "dead", certificateDaysLeft: -1 }),
        hostOf("c", { certificateDaysLeft: 31, holdDownMs: 11_200, clockAlarm: true }),
        hostOf("d", { certificateDaysLeft: 0.5 }),
      ],
      containers: [
        containerOf("redis", {
          degraded: "no host but a holds its generation",
          lastFailover: {
            from: "b",
            to: "a",
            at: "2026-10-02T09:57:00Z",
            reason: "the heartbeat of b stopped",
          },
        }),
        containerOf("queue", {
          phase: "FAILED",
          primary: null,
          generation: null,
          generationAgeMs: null,
          standbys: [],
          virtualIps: [],
          failure: "no host could start it, the last one said: image not found.",
        }),
      ],
      rules: [
        {
          name: "spread",
          kind: "anti-affinity",
          required: true,
          met: false,
          sentence: "redis and queue share a",
        },
        { name: "near", kind: "affinity", required: false, met: true, sentence: "both are in zone north" },
      ],
    });
    assert.equal(
      statusText(group),
      `Group shop: the store did not answer, so nothing can be decided or changed and what follows may be old (seen from a, 2026-10-02 10:00:00Z).
Timing: lease 2000 ms.
Failover: automatic: a host is replaced after its silence for that long.

HOST  ADDRESS   ROLE    STATE  LABELS  PRIMARIES  STANDBYS
a     10.0.0.9  member  live   -       1          0
b     10.0.0.9  member  dead   -       0          1
c     10.0.0.9  member  live   -       0          0
d     10.0.0.9  member  live   -       0          0

CONTAINER  PHASE    PRIMARY  EPOCH  GENERATION  AGE      STANDBYS      VIRTUAL IP
redis      RUNNING  a        2      2-17        3 s ago  b (prepared)  10.0.0.100
queue      FAILED   -        2      -           -        -             -

Whether a majority of the voters runs is not known from here: see "journalctl -u container-ha-etcd" on each.
redis is degraded: no host but a holds its generation.
redis last failed over from b to a, 3 min ago: the heartbeat of b stopped.
queue has failed: no host could start it, the last one said: image not found.
Rule spread (required anti-affinity) is not met: redis and queue share a.
c was fenced and is back: it takes no container for another 12 s unless no other host could.
The clocks of c and a run at different rates: a does not fence c by itself.
The certificate of host a ends in 12 d; "pulumi up" renews it.
The certificate of host b has ended; "pulumi up" renews it.
The certificate of host d ends today; "pulumi up" renews it.
`,
    );
  });

  it("says so when nothing is protected yet", () => {
    assert.match(statusText(healthyGroup({ containers: [] })), /\n\nNo container is protected yet\.\n$/);
  });
});
