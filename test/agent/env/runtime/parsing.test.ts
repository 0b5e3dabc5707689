import assert from "node:assert/strict";
import {
  cgroup2Mount,
  cgroupCandidates,
  cgroupOf,
  parseEvents,
} from "../../../../provider/agent/env/runtime/cgroup";
import { parseConnections } from "../../../../provider/agent/env/runtime/connections";
import { copyState } from "../../../../provider/agent/env/runtime/copies";
import {
  createdRecord,
  exitSentence,
  listed,
  loadedImage,
  parseInspect,
  recordOf,
} from "../../../../provider/agent/env/runtime/engine";
import { sameDockerNetwork, samePodmanNetwork } from "../../../../provider/agent/env/runtime/engine-network";
import { reconcile } from "../../../../provider/agent/env/runtime/listing";
import { criuVersion, runcVersion } from "../../../../provider/agent/env/runtime/versions";

const id = "9d7ee52b94cb92548f56bc4eafbef730bd82b02e1e1646a11bdfef07c38e322c";

describe("established connections", () => {
  const line = (local: string, remote: string, state: string) =>
    `   1: ${local} ${remote} ${state} 00000000:00000000 02:00000A2B 00000000     0        0 5784 2 00000000a94f0d05 20 4 30 10 -1`;
  const head =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

  it("are listed with both ends, IPv4 within IPv6 as IPv4", () => {
    const four = [head, line("64004D0A:18EB", "FE004D0A:9074", "01"), ""].join("\n");
    const six = [
      head,
      line("0000000000000000FFFF000064004D0A:18EB", "0000000000000000FFFF00000D004D0A:9C40", "01"),
      line("000000FD000000000000000000010000:18EB", "000000FD000000000000000001000000:C350", "01"),
      "",
    ].join("\n");
    assert.deepEqual([four, six].flatMap(parseConnections), [
      { local: "10.77.0.100", localPort: 6379, remote: "10.77.0.254", remotePort: 36980 },
      { local: "10.77.0.100", localPort: 6379, remote: "10.77.0.13", remotePort: 40000 },
      { local: "fd00::100", localPort: 6379, remote: "fd00::1", remotePort: 50000 },
    ]);
  });

  it("leave out those to itself, those of the agent's probes, and what is no connection", () => {
    const table = [
      head,
      line("0100007F:18EB", "0100007F:9074", "01"),
      line("64004D0A:18EB", "014DFEA9:9074", "01"),
      line("00000000000000000000000001000000:18EB", "00000000000000000000000001000000:9074", "01"),
      line("000080FE000000000000000001000000:18EB", "000080FE000000000000000002000000:9074", "01"),
      line("00000000:18EB", "00000000:0000", "0A"),
      line("64004D0A:18EB", "FE004D0A:9074", "06"),
    ].join("\n");
    assert.deepEqual(parseConnections(table), []);
  });
});

describe("the cgroup of a container", () => {
  it("is the engine's scope of exactly this container", () => {
    assert.deepEqual(cgroupCandidates("podman", id, "/sys/fs/cgroup"), [
      `/sys/fs/cgroup/machine.slice/libpod-${id}.scope`,
      `/sys/fs/cgroup/libpod_parent/libpod-${id}`,
    ]);
    assert.deepEqual(cgroupCandidates("docker", id, "/sys/fs/cgroup/unified"), [
      `/sys/fs/cgroup/unified/system.slice/docker-${id}.scope`,
      `/sys/fs/cgroup/unified/docker/${id}`,
    ]);
  });

  for (const wrong of ["", "..", id.slice(1), `${id}/..`]) {
    it(`is never derived from "${wrong}"`, () =>
      assert.throws(() => cgroupOf("podman", wrong), /is not the id/));
  }

  it("is looked for where version 2 is mounted, also beside version 1", () => {
    const mounts =
      "cgroup /sys/fs/cgroup/memory cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
    assert.equal(cgroup2Mount(mounts), "/sys/fs/cgroup/unified");
    assert.throws(() => cgroup2Mount("proc /proc proc rw 0 0\n"), /cgroup v2 is not mounted/);
  });

  it("tells whether it has processes and whether they are frozen", () => {
    assert.deepEqual(parseEvents("populated 1\nfrozen 0\n"), { populated: true, frozen: false });
    assert.deepEqual(parseEvents("populated 0\nfrozen 1\n"), { populated: false, frozen: true });
  });
});

describe("the state of a copy", () => {
  const seen = {
    events: null,
    held: false,
    prepared: false,
    begins: false,
    unfinished: false,
    warm: false,
    traced: false,
  };
  const running = { populated: true, frozen: false };
  const frozen = { populated: true, frozen: true };
  const cases: [string, Parameters<typeof copyState>[0], string][] = [
    ["without processes, made ready", { ...seen, prepared: true }, "prepared"],
    ["without processes, not made ready", seen, "exited"],
    [
      "its processes are gone, its cgroup not yet",
      { ...seen, events: { populated: false, frozen: false } },
      "exited",
    ],
    [
      "while the engine restores it, processes or not",
      { ...seen, events: running, begins: true },
      "prepared",
    ],
    ["before its first instruction", { ...seen, events: running, held: true }, "held"],
    ["killed while it was held", { ...seen, held: true }, "exited"],
    ["begun by an agent that ended before it ran", { ...seen, events: running, unfinished: true }, "exited"],
    ["serving", { ...seen, events: running }, "running"],
    ["stopped by a debugger", { ...seen, events: running, traced: true }, "traced"],
    ["frozen while a debugger is at it", { ...seen, events: frozen, traced: true }, "frozen"],
    ["frozen", { ...seen, events: frozen }, "frozen"],
    ["frozen until a failover", { ...seen, events: frozen, warm: true }, "warm"],
    ["about to be frozen until a failover", { ...seen, events: running, warm: true }, "running"],
  ];
  for (const [title, facts, state] of cases) {
    it(`is ${state}: ${title}`, () => assert.equal(copyState(facts), state));
  }
});

describe("what the engines tell", () => {
  const inspected = {
    Id: id,
    Config: {
      Labels: {
        "container-ha.container": "r1",
        "container-ha.spec": "abc",
        "container-ha.virtual-ips": "10.77.0.100,10.77.0.101",
      },
    },
    State: { ExitCode: 137, OOMKilled: true, Error: "" },
    GraphDriver: { Data: { UpperDir: "/var/lib/containers/storage/overlay/x/diff" } },
    StaticDir: "/var/lib/containers/storage/overlay-containers/x/userdata",
  };

  it("becomes the record of a copy", () => {
    const [one] = parseInspect(JSON.stringify([inspected]));
    assert.deepEqual(recordOf("podman", one!, one!.StaticDir!), {
      container: "r1",
      engine: "podman",
      id,
      specDigest: "abc",
      virtualIps: ["10.77.0.100", "10.77.0.101"],
      layer: "/var/lib/containers/storage/overlay/x/diff",
      home: "/var/lib/containers/storage/overlay-containers/x/userdata",
    });
    assert.equal(exitSentence(one!.State), "exit code 137, out of memory");
  });

  it("is nobody's copy without our label, and a clear error without an overlay", () => {
    const foreign = parseInspect(JSON.stringify([{ ...inspected, Config: { Labels: null } }]))[0]!;
    assert.equal(recordOf("docker", foreign, "/x"), null);
    const other = parseInspect(JSON.stringify([{ ...inspected, GraphDriver: { Data: null } }]))[0]!;
    assert.throws(() => recordOf("docker", other, "/x"), /must use the overlay storage driver/);
  });

  it("of one copy that cannot be used keeps nobody from the others", () => {
    const other = { ...inspected, Id: "f".repeat(64), GraphDriver: { Data: null } };
    const strange = { Id: 7, Config: "none" };
    const ids = [id, other.Id, "e".repeat(64)];
    const json = JSON.stringify([other, strange, inspected]);
    const found = listed("docker", { ids, json, homeOf: () => "/home" });
    assert.deepEqual(
      found.records.map((record) => record.id),
      [id],
    );
    assert.deepEqual(
      found.unusable.map(({ container, id }) => [container, id]),
      [["r1", other.Id]],
    );
    const { gone, added, useless } = reconcile([], found);
    assert.deepEqual([gone, added, useless], [[], found.records, found.unusable]);
  });

  it("leaves a record alone whose copy the engine has, though it tells nothing more of it", () => {
    const [record] = listed("podman", {
      ids: [id],
      json: JSON.stringify([inspected]),
      homeOf: () => "/home",
    }).records;
    const silent = { ids: [id], records: [], unusable: [{ container: "r1", id, fault: "no layer" }] };
    assert.deepEqual(reconcile([record!], silent), { gone: [], added: [], useless: [] });
    const none = { ids: [], records: [], unusable: [] };
    assert.deepEqual(reconcile([record!], none).gone, [record]);
  });

  it("of a copy that was just created and cannot be protected is the reason of its refusal", () => {
    const unusable = [{ container: "r1", id, fault: "no writable layer" }];
    assert.throws(() => createdRecord({ ids: [id], records: [], unusable }), /no writable layer/);
    assert.throws(() => createdRecord({ ids: [id], records: [], unusable: [] }), /does not know it/);
  });

  it("names the image that was loaded from an archive", () => {
    assert.equal(loadedImage("Loaded image: localhost/redis:latest\n"), "localhost/redis:latest");
    assert.equal(loadedImage("Loaded image ID: sha256:0123\n"), "sha256:0123");
    assert.equal(loadedImage("Loaded image(s): redis:1\n"), "redis:1");
    assert.equal(loadedImage("nothing\n"), null);
  });

  it("gives the versions that a checkpoint depends on", () => {
    assert.equal(criuVersion("Version: 4.2.1\n"), "4.2.1");
    assert.equal(runcVersion("runc version 1.1.15+ds1\ncommit: x\nspec: 1.2.0\n"), "runc 1.1.15+ds1");
  });
});

describe("the engine network", () => {
  const plan = { parent: "eth0", subnet: "10.77.0.0/24" };
  const podman = (changes: object = {}) =>
    JSON.stringify([
      {
        driver: "macvlan",
        network_interface: "eth0",
        subnets: [{ subnet: "10.77.0.0/24", gateway: "10.77.0.1" }],
        options: { no_default_route: "true" },
        ...changes,
      },
    ]);
  const docker = (options: object = { parent: "eth0" }) =>
    JSON.stringify([
      {
        Driver: "macvlan",
        Options: options,
        IPAM: { Config: [{ Subnet: "10.77.0.0/24", Gateway: "10.77.0.12" }] },
      },
    ]);

  it("is kept where it is as planned, host bits in the policy's subnet or not", () => {
    assert.equal(samePodmanNetwork(podman(), plan), true);
    assert.equal(samePodmanNetwork(podman(), { ...plan, subnet: "10.77.0.12/24" }), true);
    assert.equal(sameDockerNetwork(docker(), { ...plan, gateway: "10.77.0.12" }), true);
  });

  it("is made anew for another interface, subnet, gateway or kind", () => {
    assert.equal(samePodmanNetwork(podman({ network_interface: "eth1" }), plan), false);
    assert.equal(samePodmanNetwork(podman({ driver: "bridge" }), plan), false);
    assert.equal(samePodmanNetwork(podman(), { ...plan, subnet: "10.78.0.0/24" }), false);
    assert.equal(samePodmanNetwork(podman(), { ...plan, gateway: "10.77.0.254" }), false);
    assert.equal(samePodmanNetwork(podman({ options: {} }), plan), false);
    assert.equal(sameDockerNetwork(docker({ parent: "eth1" }), plan), false);
    assert.equal(sameDockerNetwork(docker(), { ...plan, gateway: "10.77.0.254" }), false);
  });
});
