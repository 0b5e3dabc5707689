import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, rmSync, truncateSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { placesOf } from "../../provider/agent/env/runtime/places";
import {
  armCommands,
  closeAllCommands,
  configureCommands,
  createCommands,
  dropCommands,
  flipCommands,
} from "../../provider/agent/lease/rules";
import {
  type ContainerSpec,
  containerSpecSchema,
  type Engine,
  type Policy,
  parkedMac,
  realMac,
} from "../../provider/contract";
import {
  copyGeneration,
  hostFolder,
  type RemoteRuntime,
  remoteRuntime,
} from "../agent/env/runtime/remote-runtime";
import { steadyClient } from "../agent/env/runtime/steady-client";
import { redisImage } from "../lab/image";
import { labSuite } from "../support/lab";
import { fillRedis, redisCommand } from "../support/redis-client";
import { until } from "../support/until";

const group = "lab";
const keys = 2000;
const bytes = 1000;

labSuite("the runtime of podman and docker", { hosts: 2, timeoutMs: 180_000 }, (lab) => {
  let a: RemoteRuntime;
  let b: RemoteRuntime;
  let generations = 0;

  before("bring the runtime to the hosts", async function () {
    this.timeout(120_000);
    [a, b] = await Promise.all([remoteRuntime(lab, "ha1", group), remoteRuntime(lab, "ha2", group)]);
    await Promise.all([a.ensureHost(policy()), b.ensureHost(policy())]);
  });
  after(() => {
    a?.close();
    b?.close();
  });

  for (const engine of ["podman", "docker"] as const) {
    describe(engine, () => {
      let spec: ContainerSpec;
      let real: { spec: ContainerSpec; mac: string };
      let parked: { spec: ContainerSpec; mac: string };
      let path: string;
      const vip = () => spec.virtualIps[0]!;

      beforeEach(async function () {
        if (!a || !b) return this.skip();
        spec = redisSpec(engine);
        real = { spec, mac: realMac(group, spec.name) };
        parked = { spec, mac: parkedMac(group, spec.name, "ha2") };
        path = `store/${spec.name}/1-${++generations}`;
        for (const runtime of [a, b]) await runtime.ensureImage(spec.workload);
        await startRedis(a, real);
      });
      afterEach(async () => {
        for (const runtime of [a, b]) await runtime?.remove("r1");
      });

      /** Redis on ha1 with a counter and memory, and a generation of it on both hosts. */
      async function dumped(): Promise<Awaited<ReturnType<typeof steadyClient>>> {
        await fillRedis(vip(), { keys, bytes });
        const client = await steadyClient(vip(), "counter");
        await until(() => client.value() > 20, "replies", 5000);
        const { connections } = await dump(a, "ha1");
        assert.deepEqual(
          connections.map(({ local, remotePort }) => [local, remotePort]),
          [[vip(), client.localPort]],
        );
        await copyGeneration(lab, path, "ha1", "ha2");
        return client;
      }

      function dump(runtime: RemoteRuntime, host: string) {
        rmSync(hostFolder(lab, host, path), { recursive: true, force: true });
        mkdirSync(hostFolder(lab, host, path), { recursive: true });
        return runtime.dump({ container: "r1", folder: inside(path) });
      }

      it("dumps while it serves: no reply is lost, and the client waits no longer than it was frozen", async () => {
        const client = await dumped();
        const waits: number[] = [];
        for (let round = 0; round < 3; round++) {
          client.longestGap();
          const { frozenMs } = await dump(a, "ha1");
          const before = client.value();
          await until(() => client.value() > before + 20, "replies after the dump", 5000);
          waits.push(client.longestGap() - frozenMs);
        }
        // A retransmission would add 200 ms or more to each; a busy machine may to one.
        assert.ok(
          Math.min(...waits) < 100,
          `the client waited ${waits.map(Math.round)} ms longer than it was frozen`,
        );
        assert.deepEqual(client.faults, []);
        assert.equal(client.closedAt(), null);
        client.stop();
      });

      it("goes on elsewhere after two false suspicions, with its memory, and its clients are told", async () => {
        const client = await dumped();
        const atDump = client.value();
        await b.prepare(parked);
        assert.equal((await b.inspect("r1")).state, "prepared");
        for (let suspicion = 0; suspicion < 2; suspicion++) {
          await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
          const held = await b.inspect("r1");
          assert.deepEqual([held.state, held.mac], ["held", parked.mac]);
          assert.deepEqual(await b.probe({ ...parked, probe: tcpProbe }), {
            result: "unasked",
            why: "it is held",
          });
          await b.kill("r1");
          assert.equal((await b.inspect("r1")).state, "exited");
          await b.prepare(parked);
        }
        const before = client.value();
        await until(() => client.value() > before, "replies of the primary, undisturbed", 5000);

        await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
        await silenceAndKill(a, "ha1", real);
        await b.setMac("r1", real.mac);
        await b.release("r1");
        await b.announce(real);
        const connection = { local: vip(), localPort: 6379, remote: lab.clientAddress };
        await b.tickle({ ...real, connections: [{ ...connection, remotePort: client.localPort }] });
        await until(() => client.closedAt() !== null, "the reset of the old connection", 3000);

        const counter = Number(await redisCommand(vip(), "GET", "counter"));
        assert.ok(counter > 0 && counter <= atDump, `counter ${counter}, ${atDump} at the dump`);
        assert.equal(await redisCommand(vip(), "DBSIZE"), String(keys + 1));
        assert.equal(await redisCommand(vip(), "INCR", "counter"), String(counter + 1));
        assert.deepEqual(await b.probe({ ...real, probe: tcpProbe }), { result: "healthy" });
        assert.equal((await lab.exec("ha2", `redis-cli -h ${vip()} ping`)).trim(), "PONG");
        assert.deepEqual((await b.inspect("r1")).mac, real.mac);
      });

      it("keeps a warm copy that nobody notices, renews it, and serves with it after a thaw", async () => {
        const client = await dumped();
        await b.prepare(parked);
        for (let generation = 0; generation < 2; generation++) {
          await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
          const { memoryMb } = await b.keepWarm("r1");
          assert.ok(memoryMb > 0 && memoryMb < 200, `${memoryMb} MB`);
          assert.deepEqual(
            [await b.inspect("r1")].map(({ state, mac }) => [state, mac]),
            [["warm", parked.mac]],
          );
          // The engine is free, which it is not while a copy is held.
          assert.match((await lab.exec("ha2", `timeout 10 ${engine} ps`)).trim(), /ha-r1$/);
          if (generation === 0) await b.prepare(parked);
        }
        await b.crash();
        await b.ensureHost(policy());
        assert.deepEqual(
          (await b.list()).map(({ container, state }) => [container, state]),
          [["r1", "warm"]],
        );
        const before = client.value();
        await until(() => client.value() > before + 20, "replies of the primary, undisturbed", 5000);
        assert.deepEqual(client.faults, []);

        await silenceAndKill(a, "ha1", real);
        await b.setMac("r1", real.mac);
        await b.thaw("r1", "warm");
        await b.announce(real);
        const connection = { local: vip(), localPort: 6379, remote: lab.clientAddress };
        await b.tickle({ ...real, connections: [{ ...connection, remotePort: client.localPort }] });
        await until(() => client.closedAt() !== null, "the reset of the old connection", 3000);
        assert.equal(await redisCommand(vip(), "DBSIZE"), String(keys + 1));
        assert.equal((await b.inspect("r1")).state, "running");
      });

      it("moves as planned with its connection established: no reply is lost or repeated", async () => {
        const client = await dumped();
        await b.prepare(parked);
        await a.freeze("r1", "handover");
        // What the gate does: nothing of the source may answer from here on.
        await silence("ha1", await pidOf(a));
        await dump(a, "ha1");
        await copyGeneration(lab, path, "ha1", "ha2");
        await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "established" });
        await b.setMac("r1", real.mac);
        await b.release("r1");
        await b.announce(real);
        const before = client.value();
        await until(() => client.value() > before + 20, "replies from the other host", 10_000);
        assert.deepEqual(client.faults, []);
        assert.equal(client.closedAt(), null);
        client.stop();
      });

      it("tells of an exit at once and restores in place", async () => {
        const client = await dumped();
        client.stop();
        const before = a.exits.length;
        const killed = await lab.exec("ha1", `kill -9 ${await pidOf(a)}; date +%s%3N`);
        await until(() => a.exits.length > before, "the exit event", 2000);
        assert.ok(a.exits.at(-1)!.at - Number(killed) < 500);
        assert.equal((await a.inspect("r1")).state, "exited");
        // How it ended is its engine's knowledge, which nobody waits for.
        const isTold = async () => /exit code 137/.test((await a.inspect("r1")).detail ?? "");
        await until(isTold, "how it ended", 10_000);

        await a.prepare(real);
        await a.restore({ ...real, folder: inside(path), hold: false, tcp: "close" });
        await a.announce(real);
        assert.equal(await redisCommand(vip(), "DBSIZE"), String(keys + 1));
        assert.equal((await a.inspect("r1")).mac, real.mac);
      });

      it("connects at once who asked for a connection while the gate was closed", async () => {
        const gate = (commands: string[]) => lab.exec("ha1", `nft -f - <<'E'\n${commands.join("\n")}\nE`);
        const macs = [real.mac];
        await gate([
          ...createCommands({ interface: "eth0" }),
          ...configureCommands({ protected: macs, here: macs, probe: [] }),
        ]);
        try {
          const waits: number[] = [];
          // By itself a client asks again after 1 s. A busy machine may need longer than that to open the gate.
          while (Math.min(...waits) > 900 && waits.length < 5) {
            const askedAt = performance.now();
            const socket = connect({ host: vip(), port: 6379 });
            const connected = once(socket, "connect");
            const noted = () => lab.exec("ha1", "nft list set netdev ha_gate syns");
            await until(async () => (await noted()).includes(` . ${socket.localPort} `), "the note", 5000);
            await gate([...armCommands("a", macs, 60_000), ...flipCommands("a", macs)]);
            await a.tickle({ ...real, connections: [] });
            await connected;
            waits.push(performance.now() - askedAt);
            socket.destroy();
            await gate(closeAllCommands());
          }
          assert.ok(Math.min(...waits) < 900, `connected after ${waits.map(Math.round)} ms`);
        } finally {
          await gate(dropCommands());
        }
      });

      it("has its host's card take what is sent to it between two lives, and no longer when it is removed", async () => {
        const client = await dumped();
        client.stop();
        const accepted = async () =>
          (await lab.exec("ha1", "bridge fdb show dev eth0"))
            .split("\n")
            .some((line) => line.startsWith(real.mac));
        await lab.exec("ha1", `kill -9 ${await pidOf(a)}`);
        await until(async () => !(await accepted()), "the end of its network", 10_000);
        await a.restore({ ...real, folder: inside(path), again: true, hold: false, tcp: "close" });
        await a.kill("r1");
        await a.prepare(real);
        assert.equal(await accepted(), true);
        await a.remove("r1");
        assert.equal(await accepted(), false);
      });

      it("restores at once into a copy that has just ended, whose writable layer is as it was", async () => {
        const client = await dumped();
        client.stop();
        await lab.exec("ha1", `${engine} exec ha-r1 sh -c 'echo later >/later'`);
        // Podman may ask for its lock before the one that takes down what ended: the agent then restores as ever.
        const isRestoredAtOnce = async () => {
          const before = a.exits.length;
          await lab.exec("ha1", `kill -9 ${await pidOf(a)}`);
          await until(() => a.exits.length > before, "the exit event", 2000);
          const wanted = { ...real, folder: inside(path), hold: false, tcp: "close" } as const;
          try {
            await a.restore({ ...wanted, again: true });
            return true;
          } catch (error) {
            assert.match((error as Error).message, /running or paused, cannot restore/);
            await a.prepare(real);
            await a.restore(wanted);
            return false;
          }
        };
        await until(isRestoredAtOnce, "a restore at once", 20_000);
        await a.announce(real);
        assert.equal(await redisCommand(vip(), "DBSIZE"), String(keys + 1));
        const { stdout } = await lab.tryExec("ha1", `${engine} exec ha-r1 sh -c 'cat /later || echo none'`);
        assert.equal(stdout.trim(), "none");
      });

      it("stays frozen while one reason is left, also through a dump and the agent's death", async () => {
        await a.freeze("r1", "lapse");
        await a.freeze("r1", "handover");
        await dump(a, "ha1");
        assert.equal((await a.inspect("r1")).state, "frozen");
        await a.crash();
        await a.ensureHost(policy());
        await a.thaw("r1", "handover");
        assert.equal((await a.inspect("r1")).state, "frozen");
        await a.thaw("r1", "lapse");
        assert.equal((await a.inspect("r1")).state, "running");
        assert.equal(await redisCommand(vip(), "PING"), "PONG");
      });

      it("goes on as soon as a lapse ends that came in the middle of a dump, whenever that was", async () => {
        const client = await dumped();
        for (let afterMs = 0; afterMs < 200; afterMs += 10) {
          const dumping = dump(a, "ha1");
          await new Promise((resolve) => setTimeout(resolve, afterMs));
          await a.freeze("r1", "lapse");
          await dumping;
          assert.equal(await a.look("r1"), "frozen", `lapse after ${afterMs} ms`);
          await a.thaw("r1", "lapse");
          const before = client.value();
          await until(() => client.value() > before, `replies after a lapse at ${afterMs} ms`, 1000);
        }
        assert.deepEqual(client.faults, []);
        assert.equal(client.closedAt(), null);
        client.stop();
      });

      it("fails a dump at once when the container ends in the middle of it", async () => {
        const client = await dumped();
        client.stop();
        const pid = await pidOf(a);
        const isFrozen = `test -e ${join(placesOf("r1").freeze, "dump")}`;
        const killed = lab.exec("ha1", `timeout 20 sh -c "until ${isFrozen}; do :; done; kill -9 ${pid}"`);
        // The first dumps may be over before somebody waits for one.
        let fault: Error | null = null;
        while (fault === null)
          fault = await dump(a, "ha1").then(
            () => null,
            (error: Error) => error,
          );
        await killed;
        assert.match(
          fault.message,
          /r1 (ended on ha1 while it was dumped|could not be|cannot be checkpointed)/,
        );
        assert.equal(await a.look("r1"), "exited");
      });

      it("is seen to be stopped by a debugger, and to go on after it", async () => {
        const pid = await pidOf(a);
        const attach = `syscall(101, 16, ${pid}, 0, 0) == 0 or die; sleep 60`;
        await lab.exec("ha1", `systemd-run --quiet --unit debugger perl -e '${attach}'`);
        await until(async () => (await a.look("r1")) === "traced", "the debugger is seen", 5000);
        // It attaches by a signal that stops, and leaves that behind.
        await lab.exec("ha1", `systemctl stop debugger; kill -CONT ${pid}`);
        await until(async () => (await a.look("r1")) === "running", "it goes on", 5000);
        assert.equal(await redisCommand(vip(), "PING"), "PONG");
      });

      it("goes on when the agent died as soon as it had frozen it for a dump", async () => {
        const client = await dumped();
        let over = false;
        const crashed = a.crash(`test -e ${join(placesOf("r1").freeze, "dump")}`).finally(() => {
          over = true;
        });
        // On a busy machine one may be over before it was looked at.
        const dumpOn = async () => {
          while (!over) await dump(a, "ha1");
        };
        await assert.rejects(dumpOn, /is gone/);
        await crashed;
        await a.ensureHost(policy());
        const before = client.value();
        await until(() => client.value() > before + 20, "replies after the freeze", 5000);
        await dump(a, "ha1");
        assert.deepEqual(client.faults, []);
        assert.equal(client.closedAt(), null);
        client.stop();
      });

      for (const [moment, when] of [
        ["had just been begun", "pgrep -f '^(podman container restore|docker start --checkpoint)'"],
        ["still waited for its memory", "pgrep -f 'criu swrk'"],
      ] as const) {
        it(`gives up a restore that ${moment} when the agent died, and the engine answers`, async () => {
          const client = await dumped();
          client.stop();
          await b.prepare(parked);
          const ready = new Promise(() => {});
          const crashed = b.crash(when);
          b.restore({ ...parked, folder: inside(path), ready, hold: true, tcp: "close" }).catch(() => {});
          await crashed;
          await b.ensureHost(policy());
          assert.deepEqual(
            (await b.list()).map(({ state }) => state === "running" || state === "held"),
            [false],
          );
          await b.prepare(parked);
          await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
          assert.equal((await b.inspect("r1")).state, "held");
          await b.kill("r1");
        });
      }

      it("is released by what is there and not by what is sent: a release whose byte is lost takes effect", async () => {
        const client = await dumped();
        client.stop();
        await b.prepare(parked);
        await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
        assert.equal(await b.look("r1"), "held");
        await lab.exec("ha2", `rm ${placesOf("r1").gatePipe}`);
        await until(async () => (await b.look("r1")) === "running", "it executes", 1000);
      });

      it("releases a held copy that an agent left which died, and it can be dumped and frozen as any other", async () => {
        const client = await dumped();
        client.stop();
        await b.prepare(parked);
        await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
        await b.crash();
        await b.ensureHost(policy());
        await b.freeze("r1", "lapse");
        assert.equal(await b.look("r1"), "held");
        await b.release("r1");
        await until(async () => (await b.look("r1")) === "frozen", "the reason takes effect", 5000);
        await b.thaw("r1", "lapse");
        await dump(b, "ha2");
        assert.equal(await b.look("r1"), "running");
      });

      it("finds a held copy again after the agent's death, and kills it", async () => {
        const client = await dumped();
        client.stop();
        await b.prepare(parked);
        await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
        await b.crash();
        await b.ensureHost(policy());
        assert.deepEqual(
          (await b.list()).map(({ container, state }) => [container, state]),
          [["r1", "held"]],
        );
        await b.kill("r1");
        await b.prepare(parked);
        await b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" });
        assert.equal((await b.inspect("r1")).state, "held");
      });

      it("refuses a damaged generation with CRIU's reason and can restore a sound one afterwards", async () => {
        const client = await dumped();
        client.stop();
        await b.prepare(parked);
        truncateSync(join(hostFolder(lab, "ha2", path), "images/mm-1.img"), 500);
        await assert.rejects(
          b.restore({ ...parked, folder: inside(path), hold: true, tcp: "close" }),
          /r1 could not be restored on ha2: CRIU says: Read \d+ bytes while \d+ expected/,
        );
        await copyGeneration(lab, path, "ha1", "ha2");
        await b.prepare(parked);
        await b.restore({ ...parked, folder: inside(path), hold: false, tcp: "close" });
        assert.equal((await b.inspect("r1")).state, "running");
      });

      it("tells why a container cannot be checkpointed, and leaves it running", async () => {
        const { image } = await lab.pushImage("ghost", { programs: ["/usr/bin/perl"] });
        // CRIU interrupts a sleep, which ends it early.
        const program =
          'open F, "+>", "/tmp/big"; unlink "/tmp/big"; syswrite F, "x" x (1 << 20) for 1 .. 80; $| = 1; ' +
          'print "ready\\n"; sleep 1000000 while 1';
        const ghost = redisSpec(engine, { image, command: ["perl", "-e", program] });
        await a.ensureImage(ghost.workload);
        await a.start({ spec: ghost, mac: real.mac });
        await until(
          async () => (await lab.tryExec("ha1", `${engine} logs ha-r1`)).stdout.includes("ready"),
          "the deleted file",
          10_000,
        );
        await assert.rejects(
          dump(a, "ha1"),
          /r1 could not be checkpointed on ha1: CRIU says: Can't dump ghost file .* It keeps a large deleted file open/,
        );
        assert.equal((await a.inspect("r1")).state, "running");
      });

      it("has in its generations what an image declares as a volume: in its layer, or as the tmpfs in its place", async () => {
        const { image } = await lab.pushImage("with-volume", { ...redisImage, volumes: ["/data"] });
        const isOutside = engine === "docker";
        const own = redisSpec(engine, { image, tmpfs: isOutside ? { "/data": "" } : {} });
        for (const runtime of [a, b]) await runtime.ensureImage(own.workload);
        assert.deepEqual(await a.imageVolumes(own.workload), isOutside ? ["/data"] : []);
        await startRedis(a, { spec: own, mac: real.mac });
        await lab.exec("ha1", `${engine} exec ha-r1 sh -c 'echo kept >/data/file'`);
        await dump(a, "ha1");
        await copyGeneration(lab, path, "ha1", "ha2");
        await silenceAndKill(a, "ha1", { spec: own, mac: real.mac });
        await b.prepare({ spec: own, mac: parked.mac });
        await b.restore({ spec: own, mac: parked.mac, folder: inside(path), hold: false, tcp: "close" });
        assert.equal((await lab.exec("ha2", `${engine} exec ha-r1 cat /data/file`)).trim(), "kept");
      });

      it("passes its environment on unaltered and shows it to nobody else", async () => {
        const envs = ["PLAIN=two words  and $HOME", "LINES=one\ntwo"];
        const env = redisSpec(engine, { command: ["sh", "-c", 'echo "$PLAIN|$LINES|"; sleep 1000'], envs });
        await a.start({ spec: env, mac: real.mac });
        const seen = async () => (await lab.tryExec("ha1", `${engine} logs ha-r1`)).stdout;
        await until(async () => (await seen()).includes("|\n"), "its output", 5000);
        assert.equal(await seen(), "two words  and $HOME|one\ntwo|\n");
        const left = await lab.tryExec(
          "ha1",
          "find /run/container-ha /var/lib/container-ha/copies -name env",
        );
        assert.equal(left.stdout, "");
      });
    });
  }

  function policy(): Policy {
    return {
      group,
      hosts: lab.hosts.map(({ name, address }) => ({ name, address, role: "member", labels: {} })),
      interface: "eth0",
      subnet: `${lab.subnet}.0/24`,
    } as unknown as Policy;
  }

  function redisSpec(engine: Engine, workload: Partial<ContainerSpec["workload"]> = {}): ContainerSpec {
    return containerSpecSchema.parse({
      name: "r1",
      stack: "test/lab",
      workload: { engine, image: "registry.lab:5000/redis-lab", ...workload },
      virtualIps: [`${lab.subnet}.100`],
    });
  }

  async function startRedis(
    runtime: RemoteRuntime,
    request: { spec: ContainerSpec; mac: string },
  ): Promise<void> {
    await runtime.start(request);
    await until(
      async () => (await runtime.probe({ ...request, probe: tcpProbe })).result === "healthy",
      "Redis answers its probe",
      10_000,
    );
    await runtime.announce(request);
  }

  async function pidOf(runtime: RemoteRuntime): Promise<number> {
    const { pid } = await runtime.inspect("r1");
    assert.ok(pid);
    return pid;
  }

  /** A kernel tells clients of a killed process; behind the closed gate nobody hears it. */
  async function silence(host: string, pid: number): Promise<void> {
    await lab.exec(host, `nsenter --net=/proc/${pid}/ns/net ip link set eth0 down`);
  }

  async function silenceAndKill(
    runtime: RemoteRuntime,
    host: string,
    request: { spec: ContainerSpec; mac: string },
  ): Promise<void> {
    await silence(host, await pidOf(runtime));
    await runtime.kill("r1");
    await runtime.withdraw(request);
  }
});

const tcpProbe = {
  tcp: { port: 6379 },
  interval: 1,
  timeout: 1,
  retries: 1,
  startPeriod: 0,
};

function inside(path: string): string {
  return `/var/lib/container-ha/${path}`;
}
