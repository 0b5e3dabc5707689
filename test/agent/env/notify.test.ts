import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNotifier, socatCommand } from "../../../provider/agent/env/notify";
import { until } from "../../support/until";

describe("what systemd is told", () => {
  const folder = mkdtempSync(join(tmpdir(), "ha-notify-"));
  const file = join(folder, "heard");
  const command = () => ["sh", "-c", `cat >> ${file}`];
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is one line each, and at most one watchdog message a second", async () => {
    const notifier = createNotifier({ socket: "/run/systemd/notify", command });
    notifier.ready();
    notifier.watchdog();
    notifier.watchdog();
    notifier.stopping();
    notifier.close();
    const heard = () => {
      try {
        return readFileSync(file, "utf8");
      } catch {
        return "";
      }
    };
    await until(() => heard().includes("STOPPING"), "the last message", 3000);
    assert.equal(heard(), "READY=1\nWATCHDOG=1\nSTOPPING=1\n");
  });

  it("goes to a path or to an abstract address", () => {
    assert.deepEqual(socatCommand("/run/systemd/notify"), [
      "socat",
      "-u",
      "STDIN",
      "UNIX-SENDTO:/run/systemd/notify",
    ]);
    assert.equal(socatCommand("@/org/systemd/1").at(-1), "ABSTRACT-SENDTO:/org/systemd/1");
  });

  it("is nothing without systemd", () => {
    const before = process.env.NOTIFY_SOCKET;
    delete process.env.NOTIFY_SOCKET;
    const notifier = createNotifier({ command: () => assert.fail("nothing is started") });
    notifier.ready();
    notifier.watchdog();
    notifier.close();
    if (before !== undefined) process.env.NOTIFY_SOCKET = before;
  });
});
