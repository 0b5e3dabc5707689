import assert from "node:assert/strict";
import { cgroupRoot } from "./cgroup";

describe("the mount of cgroup v2", () => {
  it("is found beside mounts of cgroup v1", () => {
    const mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
    assert.equal(cgroupRoot(mounts), "/sys/fs/cgroup/unified");
  });

  it("is missed with a sentence where there is only cgroup v1", () => {
    assert.throws(() => cgroupRoot("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n"), /cgroup v2 is not mounted/);
  });
});
