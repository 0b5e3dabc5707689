import assert from "node:assert/strict";
import { probeRealtime, systemd } from "../../../provider/commands/systemd";

describe("systemctl", () => {
  it("starts with and without waiting", () => {
    assert.deepEqual(systemd.start("x.service", { wait: true }), ["systemctl", "start", "x.service"]);
    assert.deepEqual(systemd.start("x.service", { wait: false }), [
      "systemctl",
      "start",
      "--no-block",
      "x.service",
    ]);
  });

  it("restarts with and without waiting", () => {
    assert.deepEqual(systemd.restart("x.service", { wait: true }), ["systemctl", "restart", "x.service"]);
    assert.deepEqual(systemd.restart("x.service", { wait: false }), [
      "systemctl",
      "restart",
      "--no-block",
      "x.service",
    ]);
  });

  it("reloads, enables, forgets a failure and shows a unit's last words", () => {
    assert.deepEqual(systemd.reload(), ["systemctl", "daemon-reload"]);
    assert.deepEqual(systemd.enable(["x.service", "y.service"]), [
      "systemctl",
      "enable",
      "--quiet",
      "--no-reload",
      "x.service",
      "y.service",
    ]);
    assert.deepEqual(systemd.resetFailed("x.service"), ["systemctl", "reset-failed", "x.service"]);
    assert.equal(
      systemd.journal("x.service", 15).join(" "),
      "journalctl --unit x.service --lines 15 --no-pager --output cat",
    );
  });

  it("asks with a unit of its own whether a service may have real-time priority", () => {
    assert.equal(
      probeRealtime().join(" "),
      "systemd-run --quiet --wait --collect --property=CPUSchedulingPolicy=rr --property=CPUSchedulingPriority=10 true",
    );
  });
});
