import assert from "node:assert/strict";
import { type ContainerSpec, canonical, containerSpecSchema, specDigest } from "../../provider/contract";
import { specOf } from "../sim/group";

const spec = specOf();

function withWorkload(change: Partial<ContainerSpec["workload"]>): ContainerSpec {
  return { ...spec, workload: { ...spec.workload, ...change } };
}

describe("The digest of a specification", () => {
  it("changes with everything that makes old memory wrong", () => {
    const changes: ContainerSpec[] = [
      withWorkload({ image: "redis:8" }),
      withWorkload({ command: ["--maxmemory", "1gb"] }),
      withWorkload({ envs: ["A=b"] }),
      withWorkload({ memory: 64 }),
      withWorkload({ engine: "docker" }),
      withWorkload({ user: "redis" }),
      withWorkload({ tmpfs: { "/tmp": "" } }),
      { ...spec, virtualIps: ["10.0.0.101"] },
      { ...spec, incarnation: 1 },
    ];
    const digests = [spec, ...changes].map(specDigest);
    assert.equal(new Set(digests).size, digests.length);
  });

  it("stays the same for what leaves memory as it is", () => {
    const changes: ContainerSpec[] = [
      { ...spec, standbys: 2 },
      { ...spec, preferredHost: "b" },
      { ...spec, candidates: ["a"] },
      { ...spec, stack: "shop/prod" },
      { ...spec, onFailure: { ...spec.onFailure, tries: 5 } },
      { ...spec, probes: [{ tcp: { port: 80 }, interval: 1, timeout: 1, retries: 1, startPeriod: 1 }] },
    ];
    for (const change of changes) assert.equal(specDigest(change), specDigest(spec));
  });

  it("does not depend on the order of keys or on keys without a value", () => {
    const { image, ...rest } = spec.workload;
    assert.equal(specDigest({ ...spec, workload: { ...rest, memory: undefined, image } }), specDigest(spec));
    assert.equal(canonical({ b: 1, a: [{ d: null, c: undefined }] }), '{"a":[{"d":null}],"b":1}');
  });

  it("depends on the order of what has one", () =>
    assert.notEqual(
      specDigest(withWorkload({ command: ["a", "b"] })),
      specDigest(withWorkload({ command: ["b", "a"] })),
    ));
});

describe("A container's specification", () => {
  it("has the defaults that the documentation names", () => {
    assert.equal(spec.standbys, 1);
    assert.deepEqual(spec.onFailure, { crash: "restore", application: "restore", tries: 3 });
  });

  it("is refused with what no host could run", () => {
    const refused: Record<string, unknown>[] = [
      { virtualIps: [] },
      { standbys: 0 },
      { standbys: 5 },
      { standbys: [] },
      { name: "Db" },
      { workload: { engine: "lxc", image: "x" } },
      { workload: { engine: "podman", image: "" } },
      { workload: { engine: "podman", image: "x", memory: 1 } },
      { workload: { engine: "podman", image: "x", envs: ["A"] } },
      { probes: [{}] },
      { onFailure: { tries: 0 } },
    ];
    for (const change of refused)
      assert.ok(!containerSpecSchema.safeParse({ ...spec, ...change }).success, JSON.stringify(change));
  });
});
