import assert from "node:assert/strict";
import { createArgs, environmentOf } from "../../../../../provider/agent/env/runtime/commands/create";
import { dockerCreate } from "../../../../../provider/agent/env/runtime/commands/docker";
import { podmanCreate } from "../../../../../provider/agent/env/runtime/commands/podman";
import { specDigest } from "../../../../../provider/contract";
import { specOf } from "../support";

describe("creating a container in its engine", () => {
  const planOf = (spec: ReturnType<typeof specOf>, controllers = ["memory", "pids"]) => ({
    group: "shop",
    spec,
    mac: "02:00:00:00:0f:64",
    criuConf: "/run/container-ha/containers/r1/criu.conf",
    envFile: "/run/container-ha/containers/r1/env",
    controllers,
  });

  it("gives a plain container its address, the parked MAC, our labels and a /dev/shm that CRIU can see", () => {
    const spec = specOf({ command: ["redis-server", "--save", ""] });
    assert.deepEqual(createArgs(planOf(spec)), [
      "create",
      "--name",
      "ha-r1",
      "--pull",
      "never",
      "--restart",
      "no",
      "--no-healthcheck",
      "--hostname",
      "r1",
      "--network",
      "container-ha",
      "--ip",
      "10.77.0.100",
      "--mac-address",
      "02:00:00:00:0f:64",
      "--annotation",
      "org.criu.config=/run/container-ha/containers/r1/criu.conf",
      "--label",
      "container-ha.group=shop",
      "--label",
      "container-ha.container=r1",
      "--label",
      `container-ha.spec=${specDigest(spec)}`,
      "--label",
      "container-ha.virtual-ips=10.77.0.100",
      "--tmpfs",
      "/dev/shm:rw,nosuid,nodev,mode=1777,size=64m",
      "registry.lab:5000/redis-lab",
      "redis-server",
      "--save",
      "",
    ]);
  });

  it("passes every declared field on, with the rest of the entrypoint in front of the command", () => {
    const spec = specOf({
      command: ["-c", "x y"],
      entrypoints: ["/bin/tini", "--", "app"],
      user: "1000:1000",
      workingDir: "/srv",
      hostname: "db",
      labels: [{ label: "team", value: "a=b" }],
      memory: 256,
      tmpfs: { "/run": "", "/tmp": "size=1m" },
      sysctls: { "net.core.somaxconn": "1024" },
      stopSignal: "SIGINT",
    });
    const args = createArgs(planOf(spec));
    assert.deepEqual(args.slice(args.indexOf("/dev/shm:rw,nosuid,nodev,mode=1777,size=64m") + 1), [
      "--tmpfs",
      "/run",
      "--tmpfs",
      "/tmp:size=1m",
      "--sysctl",
      "net.core.somaxconn=1024",
      "--user",
      "1000:1000",
      "--workdir",
      "/srv",
      "--stop-signal",
      "SIGINT",
      "--memory",
      "256m",
      "--entrypoint",
      "/bin/tini",
      "registry.lab:5000/redis-lab",
      "--",
      "app",
      "-c",
      "x y",
    ]);
    assert.ok(args.join(" ").includes("--hostname db"));
    assert.ok(args.join(" ").includes("--label team=a=b"));
  });

  it("leaves the memory limit out where the host has no controller for it", () => {
    assert.ok(!createArgs(planOf(specOf({ memory: 256 }), ["cpu"])).includes("--memory"));
  });

  it("shows no value of the environment on the command line", () => {
    const envs = ["PASSWORD=s3cret", "EMPTY=", "KEY=-----BEGIN\nline two\n"];
    const args = createArgs(planOf(specOf({ envs })));
    assert.deepEqual(args.slice(args.indexOf("--env-file"), args.indexOf("registry.lab:5000/redis-lab")), [
      "--env-file",
      "/run/container-ha/containers/r1/env",
      "--env",
      "KEY",
    ]);
    assert.ok(!args.join(" ").includes("s3cret"));
    assert.deepEqual(environmentOf(envs), {
      lines: ["PASSWORD=s3cret", "EMPTY="],
      inherited: { KEY: "-----BEGIN\nline two\n" },
    });
  });

  it("asks podman for runc, since its default cannot be restored everywhere", () => {
    const plain = podmanCreate(planOf(specOf()));
    assert.deepEqual(plain.slice(0, 4), ["podman", "--runtime", "runc", "create"]);
    assert.deepEqual(dockerCreate(planOf(specOf())).slice(0, 2), ["docker", "create"]);
  });

  it("has podman keep in the layer what an image declares as a volume, which docker cannot", () => {
    assert.deepEqual(podmanCreate(planOf(specOf())).slice(4, 7), ["--image-volume", "ignore", "--name"]);
    assert.ok(!dockerCreate(planOf(specOf())).includes("--image-volume"));
  });

  it("lifts podman's default limit of processes where the host has no controller for it", () => {
    assert.deepEqual(podmanCreate(planOf(specOf(), ["cpu"])).slice(6, 9), ["--pids-limit", "0", "--name"]);
    assert.ok(!dockerCreate(planOf(specOf(), ["cpu"])).includes("--pids-limit"));
  });
});
