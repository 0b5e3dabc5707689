import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { etcdUnit } from "../../../provider/commands/etcd";
import { checkFile, etcdCheck } from "../../../provider/commands/etcd-check";
import { paths } from "../../../provider/contract";
import { temporaryFolder } from "../../agent/env/support/generations";

const record = (number: number, id = `cluster-${number}`) =>
  JSON.stringify({ number, id, by: "a", at: "now" });

/** The script of a host whose folders lie below `folder`, with an etcdctl that says what the others would. */
describe("the check before etcd starts", () => {
  let folder: string;
  const at = (path: string) => join(folder, path);
  const looks = () => Number(spawnSync("sh", ["-c", `wc -l <${at("looks")}`]).stdout.toString() || 0);

  beforeEach(() => {
    folder = temporaryFolder();
    for (const path of [paths.run, `${paths.etcdData}/member`, "/bin"])
      mkdirSync(at(path), { recursive: true });
    writeFileSync(at("looks"), "");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** `others`: what a majority answers; null: nobody does. */
  function check(o: { own?: string; others: string | null }): { status: number | null; said: string } {
    if (o.own !== undefined) writeFileSync(at(paths.etcdRebuilt), o.own);
    const answer = o.others === null ? "exit 1" : `printf '%s\\n' '${o.others}'`;
    writeFileSync(at("bin/etcdctl"), `#!/bin/sh\necho "$@" >>${at("looks")}\n${answer}\n`);
    writeFileSync(at("bin/systemctl"), `#!/bin/sh\necho "$@" >>${at("systemctl")}\n`);
    for (const program of ["etcdctl", "systemctl"]) chmodSync(at(`bin/${program}`), 0o755);
    const script = etcdCheck({ group: "g", endpoints: ["10.0.0.1:7379", "10.0.0.2:7379"] })
      .replaceAll(paths.run, at(paths.run))
      .replaceAll(paths.etcdRebuilt, at(paths.etcdRebuilt));
    const { status, stderr } = spawnSync("sh", ["-c", script], {
      env: { PATH: `${at("bin")}:/usr/bin:/bin` },
      encoding: "utf8",
    });
    return { status, said: stderr };
  }
  const passes = (o: Parameters<typeof check>[0]) => assert.deepEqual(check(o), { status: 0, said: "" });
  const refuses = (o: Parameters<typeof check>[0]) => {
    const { status, said } = check(o);
    assert.equal(status, 1);
    assert.match(said, /^etcd is not started: the group was rebuilt .* "pulumi up" lets it join again$/m);
  };

  it("is part of the unit", () => {
    const unit = etcdUnit({
      host: { name: "a", address: "10.0.0.1" },
      ports: { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 },
      timing: { etcdHeartbeatMs: 20, etcdElectionMs: 200 },
      realtime: true,
    });
    assert.match(unit, new RegExp(`^ExecCondition=/bin/sh ${checkFile}$`, "m"));
  });

  it("passes in a group that was never rebuilt", () => passes({ others: "" }));

  it("passes a voter of the rebuilt cluster", () => passes({ own: record(1), others: record(1) }));

  it("refuses a voter of the first cluster where another one was rebuilt", () =>
    refuses({ others: record(1) }));

  it("refuses a voter of an earlier rebuilt cluster", () => refuses({ own: record(9), others: record(10) }));

  it("refuses a voter of a cluster that was rebuilt apart from the one that answers", () =>
    refuses({ own: record(1, "x"), others: record(1, "y") }));

  it("passes a voter of a later cluster than the one that answers", () =>
    passes({ own: record(2), others: record(1) }));

  it("passes where nobody answers, after it has given the others time to start", () => {
    passes({ others: null });
    assert.equal(looks(), 5);
  });

  it("does not wait again in the same boot", () => {
    passes({ others: "" });
    passes({ others: null });
    assert.equal(looks(), 2);
  });

  it("does not keep a voter of a rebuilt cluster waiting, which the others wait for", () => {
    passes({ own: record(1), others: null });
    assert.equal(looks(), 1);
  });

  it("lets lease and agent of a voter that was cut off begin anew, once", () => {
    const restarts = () => (existsSync(at("systemctl")) ? readFileSync(at("systemctl"), "utf8") : "");
    passes({ others: null });
    assert.equal(restarts(), "");
    refuses({ others: record(1) });
    refuses({ others: record(1) });
    assert.equal(
      restarts(),
      "try-restart --no-block container-ha-lease.service container-ha-agent.service\n",
    );
  });

  it("leaves them alone at a boot, when they know nothing yet", () => {
    refuses({ others: record(1) });
    assert.equal(existsSync(at("systemctl")), false);
  });

  it("is left out at a start that the provider prepared", () => {
    writeFileSync(at(`${paths.run}/etcd-join.env`), "");
    passes({ others: record(1) });
    assert.equal(looks(), 0);
    assert.equal(existsSync(at(`${paths.run}/etcd-checked`)), false);
  });
});
