import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import type { EtcdAdmin } from "../../../provider/etcd/admin";
import { withGroupLock } from "../../../provider/etcd/lock";

describe("the lock of a group", () => {
  it("is taken with a lease, held while it works, and given back", async () => {
    const store = fakeStore();
    const result = await withGroupLock({ etcd: store.etcd, group: "g", stack: "p/dev" }, async () => {
      assert.match(store.value()!, /"by":"stack p\/dev by \S+@\S+ \(process \d+\)"/);
      return 7;
    });
    assert.equal(result, 7);
    assert.deepEqual(store.commands, ["lease grant 60", "txn", "lease revoke 7a"]);
  });

  it("is given back when the work fails", async () => {
    const store = fakeStore();
    const work = withGroupLock({ etcd: store.etcd, group: "g", stack: "p/dev" }, () =>
      Promise.reject(new Error("disk full")),
    );
    await assert.rejects(work, /disk full/);
    assert.equal(store.commands.at(-1), "lease revoke 7a");
  });

  it("that somebody else holds is an error that says who", async () => {
    const store = fakeStore(lockOf("stack p/prod by eva@laptop (process 77)"));
    const work = withGroupLock({ etcd: store.etcd, group: "g", stack: "p/dev" }, async () =>
      assert.fail("entered"),
    );
    await assert.rejects(
      work,
      /another operation on this group is running: stack p\/prod by eva@laptop \(process 77\)\./,
    );
  });

  it("that a process of this machine holds and runs is respected", async () => {
    const store = fakeStore(lockOf(`stack p/dev by root@${hostname()} (process ${process.pid})`));
    await assert.rejects(
      withGroupLock({ etcd: store.etcd, group: "g", stack: "p/dev" }, async () => 0),
      /is running/,
    );
  });

  it("that a dead process of this machine left is taken over at once", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    const store = fakeStore(lockOf(`stack p/dev by root@${hostname()} (process ${pid})`));
    assert.equal(await withGroupLock({ etcd: store.etcd, group: "g", stack: "p/dev" }, async () => 1), 1);
  });
});

function lockOf(by: string): string {
  return JSON.stringify({ by, token: "t", until: "2026-01-01T00:00:00.000Z" });
}

/** One key with compare-and-swap, spoken to in etcdctl's words. */
function fakeStore(initial?: string) {
  let value = initial;
  const commands: string[] = [];
  const unquote = (text: string) => JSON.parse(text) as string;
  const etcd: EtcdAdmin = {
    async run(args, options) {
      commands.push(args.join(" "));
      if (args[0] === "lease") return { code: 0, stdout: "lease 7a granted with TTL(60s)\n", stderr: "" };
      const [compare = "", put = ""] = String(options?.stdin).split("\n\n");
      const expected = /^(mod|value)\("\/ha\/g\/lock"\) = (".*")$/.exec(compare);
      assert.ok(expected, compare);
      const holds = expected[1] === "mod" ? value === undefined : value === unquote(expected[2]!);
      if (!holds) return { code: 0, stdout: `FAILURE\n\n/ha/g/lock\n${value}\n`, stderr: "" };
      value = unquote(/^put --lease=7a \/ha\/g\/lock (".*")$/.exec(put)![1]!);
      return { code: 0, stdout: "SUCCESS\n\nOK\n", stderr: "" };
    },
    batch: async () => "",
    hasQuorum: async () => true,
  };
  return { etcd, commands, value: () => value };
}
