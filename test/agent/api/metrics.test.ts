import assert from "node:assert/strict";
import { metricsText } from "../../../provider/agent/api/metrics";
import { newCounters } from "../../../provider/agent/counters";
import { containerOf, healthyGroup, hostOf } from "../cli/group-status";

describe("metrics text", () => {
  const sampleLines = (text: string) => text.split("\n").filter((line) => line && !line.startsWith("#"));

  it("tells the state of a healthy group", () => {
    const lines = sampleLines(metricsText(healthyGroup(), newCounters()));
    const ofCounters = Object.keys(newCounters()).map((name) => `container_ha_${name} 0`);
    assert.deepEqual(lines, [
      'container_ha_up{host="a"} 1',
      "container_ha_quorum 1",
      'container_ha_host_live{host="a"} 1',
      'container_ha_host_live{host="b"} 1',
      'container_ha_certificate_expiry_seconds{host="a"} 31449600',
      'container_ha_certificate_expiry_seconds{host="b"} 31449600',
      'container_ha_certificate_expiry_seconds{host="w"} 31449600',
      'container_ha_container_primary{container="redis",host="a"} 1',
      'container_ha_container_epoch{container="redis"} 2',
      'container_ha_container_generation_age_seconds{container="redis"} 3.2',
      'container_ha_container_generation_bytes{container="redis"} 1500000',
      'container_ha_container_standbys{container="redis"} 1',
      'container_ha_container_degraded{container="redis"} 0',
      'container_ha_container_failed{container="redis"} 0',
      ...ofCounters,
    ]);
  });

  it("gives each metric one HELP and one TYPE line before its samples", () => {
    const text = metricsText(healthyGroup(), { ...newCounters(), failovers_total: 3 });
    assert.ok(
      text.includes(
        "# HELP container_ha_failovers_total Containers that this host took over from another host.\n" +
          "# TYPE container_ha_failovers_total counter\n" +
          "container_ha_failovers_total 3\n",
      ),
    );
    const headed = new Set<string>();
    for (const line of text.trimEnd().split("\n")) {
      const [, kind, name] = /^# (HELP|TYPE) (\S+) /.exec(line) ?? [];
      if (kind === "HELP") assert.ok(!headed.has(name!), `${name} comes twice`);
      if (kind) headed.add(name!);
      else assert.ok(headed.has(/^[a-z_]+/.exec(line)![0]), line);
    }
  });

  it("leaves out what is not known", () => {
    const lines = sampleLines(
      metricsText(
        healthyGroup({
          hosts: [hostOf("a", { state: "dead", certificateDaysLeft: null })],
          containers: [
            containerOf("redis", {
              phase: "FAILED",
              primary: null,
              generationAgeMs: null,
              generationBytes: null,
            }),
          ],
        }),
        newCounters(),
      ),
    );
    assert.ok(lines.includes('container_ha_host_live{host="a"} 0'));
    assert.ok(lines.includes('container_ha_container_failed{container="redis"} 1'));
    assert.ok(!lines.some((line) => /certificate|primary|container_generation/.test(line)), lines.join("\n"));
  });

  it("shows its counters from the beginning, and escapes labels", () => {
    const rules = [{ name: 'a"b\\c\nd', kind: "affinity", required: true, met: false, sentence: "" }];
    const lines = sampleLines(
      metricsText(healthyGroup({ rules }), { ...newCounters(), dump_frozen_seconds_total: 0.25 }),
    );
    assert.ok(lines.includes("container_ha_dump_frozen_seconds_total 0.25"));
    assert.ok(lines.includes(String.raw`container_ha_rule_met{rule="a\"b\\c\nd",required="true"} 0`));
  });
});
