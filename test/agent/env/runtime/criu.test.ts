import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { criuConfig, holdScript } from "../../../../provider/agent/env/runtime/criu-config";
import {
  makeCriuGate,
  passCriu,
  refuseCriu,
  untilCriuWaits,
} from "../../../../provider/agent/env/runtime/criu-gate";
import { criuReason, criuSentence } from "../../../../provider/agent/env/runtime/criu-log";
import { until } from "../../../support/until";

const execFileAsync = promisify(execFile);

describe("CRIU's configuration of a container", () => {
  const restore = {
    kind: "restore",
    images: "/var/lib/container-ha/store/r1/3-7/images",
    work: "/run/container-ha/containers/r1/work",
    holdScript: "/var/lib/container-ha/copies/r1.hold",
  } as const;

  it("keeps established connections in every dump", () => {
    assert.equal(
      criuConfig({ kind: "dump" }),
      "network-lock skip\nmanage-cgroups=ignore\nfile-locks\nskip-in-flight\nghost-limit 64M\ntcp-established\n",
    );
  });

  it("closes connections after a crash and reads the generation where it lies", () => {
    assert.equal(
      criuConfig({ ...restore, tcp: "close" }),
      "network-lock skip\nmanage-cgroups=ignore\nfile-locks\nskip-in-flight\nghost-limit 64M\ntcp-close\n" +
        "images-dir /var/lib/container-ha/store/r1/3-7/images\nwork-dir /run/container-ha/containers/r1/work\n" +
        "action-script /var/lib/container-ha/copies/r1.hold\n",
    );
  });

  it("restores established connections for a planned move", () => {
    const lines = criuConfig({ ...restore, tcp: "established" }).split("\n");
    assert.ok(lines.includes("tcp-established"));
    assert.ok(!lines.includes("tcp-close"));
  });

  it("refuses a path that would read as another option", () => {
    assert.throws(
      () => criuConfig({ ...restore, images: "/a b", tcp: "close" }),
      /"\/a b" cannot be written/,
    );
  });
});

describe("the pipe in the place of CRIU's configuration", () => {
  let folder: string;
  const file = () => join(folder, "criu.conf");
  const reader = () => execFileAsync("cat", [file()]).then(({ stdout }) => stdout);
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "criu-gate-"));
    await makeCriuGate(file());
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("lets CRIU wait until its configuration is written", async () => {
    const read = reader();
    const gate = await untilCriuWaits(file(), () => false);
    await passCriu(gate!, "tcp-close\n");
    assert.equal(await read, "tcp-close\n");
  });

  it("makes CRIU give up by a line that is no option", async () => {
    const read = reader();
    await refuseCriu((await untilCriuWaits(file(), () => false))!);
    assert.match(await read, /^[a-z-]+\n$/);
  });

  it("is waited for no longer than for what would run CRIU, and is made anew for each run", async () => {
    let over = false;
    const waiting = untilCriuWaits(file(), () => over);
    over = true;
    assert.equal(await waiting, null);
    await makeCriuGate(file());
    assert.ok(statSync(file()).isFIFO());
  });
});

describe("the hold script", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hold-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const places = () => ({ gatePipe: join(folder, "release"), held: join(folder, "held") });
  const environment = (stage: string, pid: number) => ({
    PATH: process.env.PATH,
    CRTOOLS_SCRIPT_ACTION: stage,
    CRTOOLS_INIT_PID: String(pid),
  });
  const runScript = (stage: string, pid: number) =>
    execFileSync("/bin/sh", ["-c", holdScript(places())], { env: environment(stage, pid), timeout: 8000 });

  it("passes every stage but the last, and the last where nobody asked for a hold", () => {
    execFileSync("mkfifo", [places().gatePipe]);
    runScript("post-restore", process.pid);
    rmSync(places().gatePipe);
    runScript("pre-resume", process.pid);
    assert.equal(existsSync(places().held), false);
  });

  it("says that it holds, and waits until somebody writes to the pipe", async () => {
    execFileSync("mkfifo", [places().gatePipe]);
    const script = spawn("/bin/sh", ["-c", holdScript(places())], {
      env: environment("pre-resume", process.pid),
    });
    const ended = once(script, "exit");
    await until(() => existsSync(places().held), "the hold", 8000);
    assert.equal(script.exitCode, null);
    writeFileSync(places().gatePipe, "go\n");
    assert.deepEqual(await ended, [0, null]);
  });

  it("ends when the container was killed", () => {
    execFileSync("mkfifo", [places().gatePipe]);
    const dead = Number(execFileSync("/bin/sh", ["-c", "echo $$"]).toString());
    runScript("pre-resume", dead);
    assert.equal(existsSync(places().held), true);
  });

  it("ends when the pipe is gone", () => {
    execFileSync("mkfifo", [places().gatePipe]);
    const remover = join(folder, "remove.sh");
    writeFileSync(remover, `until [ -e ${places().held} ]; do sleep 0.01; done; rm ${places().gatePipe}\n`);
    execFileSync("/bin/sh", ["-c", `/bin/sh ${remover} >/dev/null 2>&1 &`]);
    runScript("pre-resume", process.pid);
    assert.equal(existsSync(places().gatePipe), false);
  });
});

describe("CRIU's reasons", () => {
  const log = (...lines: string[]) =>
    [
      "(00.000650) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted",
      "(00.001000) inet: Collected: ino 0x306b3 family AF_INET",
      ...lines,
      "(00.012345) Error (criu/cr-dump.c:2111): Dumping FAILED.",
    ].join("\n");

  it("are given in CRIU's words with what they mean, without what is said on every run", () => {
    const reason = criuReason(
      log(
        "(00.010000) Error (criu/files-reg.c:1073): Can't dump ghost file /tmp/g of 83886080 size, increase limit",
        "(00.010001) Error (criu/cr-dump.c:1674): Dump files (pid: 6049) failed with -1",
      ),
    );
    assert.equal(
      criuSentence(reason),
      "CRIU says: Can't dump ghost file /tmp/g of 83886080 size, increase limit. It keeps a large deleted file open; " +
        "CRIU puts such files into the checkpoint only up to 64 MB.",
    );
  });

  const cases: [string, RegExp][] = [
    ["files: Can't dump file 9 of that type [anon_inode:[io_uring]]", /io_uring, which CRIU cannot dump/],
    ["fsnotify: \tCan't dump that handle", /inotify/],
    ["sockets: BUG! Unknown socket collected (family 40)", /kind that CRIU cannot dump/],
    ["unix: External socket is used. Consider using --ext-unix-sk option.", /other end is outside/],
    ["mnt: Mount 482 ./data doesn't have a proper root mount", /bind mounts and devices/],
  ];
  for (const [said, meaning] of cases) {
    it(`explain: ${said.trim()}`, () => {
      const reason = criuReason(log(`(00.010000) Error (criu/x.c:1): ${said}`));
      assert.deepEqual(reason.said, [said]);
      assert.match(reason.meaning ?? "", meaning);
    });
  }

  it("are told apart: what the container is, and what may pass or is not known", () => {
    const lasting = (said: string) => criuReason(log(`(0) Error (a.c:1): ${said}`)).lasting;
    for (const [said] of cases) assert.equal(lasting(said), true, said);
    assert.equal(lasting("seize: 77 is already traced by 12"), false);
    assert.equal(lasting("write failed: No space left on device"), false);
    assert.equal(lasting("something new about an empty list"), false);
  });

  it("are shown without a meaning where none is known, and never empty", () => {
    assert.equal(
      criuSentence(criuReason(log("(0) Error (a.c:1): something new"))),
      "CRIU says: something new",
    );
    assert.equal(criuSentence(criuReason(log())), "CRIU says: Dumping FAILED.");
    assert.equal(criuSentence(criuReason("")), "CRIU gave no reason in its log");
  });
});
