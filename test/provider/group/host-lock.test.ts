import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { mock } from "node:test";
import { withHostLocks } from "../../../provider/group/host-lock";
import type { ScriptOptions } from "../../../provider/ssh/exec";

const own = { group: "g", stack: "p/dev" };

describe("the lock of an operation on the hosts of a group", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "host-lock-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A host whose scripts run here, with a lock file of its own. */
  const host = (name: string) => ({
    name: `root@${name}`,
    async script(text: string, { args = [], stdin }: ScriptOptions = {}) {
      const words = [join(folder, `${name}.lock`), ...args.slice(1)];
      const run = spawnSync("sh", ["-c", text, "sh", ...words], { input: stdin as string, encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
      return { code: 0, stdout: run.stdout, stderr: run.stderr };
    },
  });
  const hosts = (...names: string[]) => new Map(names.map((name) => [name, host(name)]));
  const holderOn = (name: string) =>
    JSON.parse(readFileSync(join(folder, `${name}.lock`), "utf8").split("\n")[0]!);
  const uptime = () => Math.floor(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]));
  function hold(name: string, holder: object, seen = uptime()): void {
    const line = JSON.stringify({ ...own, token: "t", by: "eva@laptop (process 77)", ...holder });
    writeFileSync(join(folder, `${name}.lock`), `${line}\n${seen}\n`);
  }
  const entered = () => assert.fail("entered");

  it("is held on all of them while it works, and given back", async () => {
    const result = await withHostLocks(hosts("b", "a"), own, async () => {
      for (const name of ["a", "b"]) {
        assert.equal(holderOn(name).group, "g");
        assert.match(holderOn(name).by, new RegExp(`@${hostname()} \\(process ${process.pid}\\)$`));
      }
      return 7;
    });
    assert.equal(result, 7);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("is given back for good, although a renewal was on its way when the work ended", async () => {
    mock.timers.enable({ apis: ["setInterval"] });
    try {
      const slow = host("a");
      const sent = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      let taken = false;
      const script: typeof slow.script = async (text, options) => {
        const isRenewal = taken && options?.label === "take the host's lock";
        taken = true;
        if (!isRenewal) return slow.script(text, options);
        sent.resolve();
        await new Promise((resolve) => setTimeout(resolve, 50));
        return slow.script(text, options).finally(arrived.resolve);
      };
      await withHostLocks(new Map([["a", { ...slow, script }]]), own, async () => {
        mock.timers.tick(15_000);
        await sent.promise;
      });
      await arrived.promise;
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      mock.timers.reset();
    }
  });

  it("is given back when the work fails", async () => {
    const work = withHostLocks(hosts("a"), own, () => Promise.reject(new Error("disk full")));
    await assert.rejects(work, /disk full/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("that another run of the group holds on one host is an error that says who, and no other host stays locked", async () => {
    hold("b", {});
    await assert.rejects(
      withHostLocks(hosts("a", "b", "c"), own, async () => entered()),
      /^UserError: another operation on this group is running: stack p\/dev by eva@laptop \(process 77\)\./,
    );
    assert.deepEqual(readdirSync(folder), ["b.lock"]);
  });

  it("that another stack holds is an error that says whose the host is", async () => {
    hold("a", { group: "other", stack: "p/prod" });
    await assert.rejects(
      withHostLocks(hosts("a"), own, async () => entered()),
      /host a belongs to group "other" of stack p\/prod, which is being set up by eva@laptop \(process 77\);/,
    );
  });

  it("that was not renewed for a minute is free", async () => {
    hold("a", {}, uptime() - 59);
    await assert.rejects(withHostLocks(hosts("a"), own, async () => entered()));
    hold("a", {}, uptime() - 61);
    assert.equal(await withHostLocks(hosts("a"), own, async () => 1), 1);
  });

  it("that a process of this machine holds and runs is respected, and that of a dead one taken over", async () => {
    hold("a", { by: `root@${hostname()} (process ${process.pid})` });
    await assert.rejects(
      withHostLocks(hosts("a"), own, async () => entered()),
      /is running/,
    );
    const { pid } = spawnSync("true");
    hold("a", { by: `root@${hostname()} (process ${pid})` });
    assert.equal(await withHostLocks(hosts("a"), own, async () => 1), 1);
  });

  it("that somebody else took meanwhile is left to them", async () => {
    await withHostLocks(hosts("a"), own, async () => hold("a", {}));
    assert.equal(holderOn("a").by, "eva@laptop (process 77)");
  });
});
