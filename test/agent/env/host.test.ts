import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { availableMb, createHost } from "../../../provider/agent/env/host";
import { createAuthority } from "./support/certificates";
import { temporaryFolder } from "./support/generations";

describe("the agent's own host", () => {
  let folder: string;
  let session: string;
  let lastSession: string;

  beforeEach(() => {
    folder = temporaryFolder();
    session = join(folder, "run", "session.json");
    lastSession = join(folder, "state", "last-session");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("has no session before one is written, and reads back the one that was", async () => {
    const host = createHost({ session, lastSession });
    assert.equal(await host.readSession(), null);
    const written = { sid: host.newSid(), bootId: "b1", record: '{"sid":"x"}' };
    await host.writeSession(written);
    await host.writeSession({ ...written, bootId: "b2" });
    assert.deepEqual(await createHost({ session, lastSession }).readSession(), { ...written, bootId: "b2" });
    assert.deepEqual(readdirSync(join(folder, "run")), ["session.json"]);
    assert.equal(statSync(session).mode & 0o077, 0);
  });

  for (const text of ["", "{", "null", '{"sid":"","bootId":"b","record":""}', '{"sid":"a","bootId":"b"}']) {
    it(`takes the session file ${JSON.stringify(text)} for none`, async () => {
      const host = createHost({ session, lastSession });
      await host.writeSession({ sid: "a", bootId: "b", record: "" });
      writeFileSync(session, text);
      assert.equal(await host.readSession(), null);
    });
  }

  it("knows after a reboot which session it began last, and on a new disk none", async () => {
    const host = createHost({ session, lastSession });
    assert.equal(await host.lastSid(), null);
    await host.writeSession({ sid: "a", bootId: "b", record: "" });
    rmSync(join(folder, "run"), { recursive: true });
    assert.equal(await host.readSession(), null);
    assert.equal(await host.lastSid(), "a");
  });

  it("makes a new sid each time", () => {
    const host = createHost({ session, lastSession });
    assert.notEqual(host.newSid(), host.newSid());
  });

  it("reads the available memory in MiB", () => {
    const text = "MemTotal:       32000000 kB\nMemFree:  1000 kB\nMemAvailable:   20480000 kB\n";
    assert.equal(availableMb(text), 20_000);
    assert.throws(() => availableMb("MemTotal: 1 kB\n"), /does not tell MemAvailable/);
  });

  it("tells when its certificate ends", async () => {
    const { cert } = createAuthority(folder).issue(folder, "ha1");
    const until = Date.parse(await createHost({ session, cert }).certificateUntil());
    const inHours = (until - Date.now()) / 3_600_000;
    assert.ok(inHours > 23 && inHours < 25, `${inHours} hours`);
  });

  it("knows the boot and the memory of a Linux host", async function () {
    if (!existsSync("/proc/meminfo")) this.skip();
    const host = createHost({ session, lastSession });
    assert.match(await host.bootId(), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    assert.ok((await host.memoryMb()) > 0);
  });
});
