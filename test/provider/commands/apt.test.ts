import assert from "node:assert/strict";
import { aptInstall, aptUpdate } from "../../../provider/commands/apt";

const COMMON =
  "apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold";

describe("apt-get", () => {
  it("updates without questions and waits for another apt-get", () => {
    assert.equal(aptUpdate().join(" "), `${COMMON} update`);
  });

  it("installs only what is named, and keeps existing configuration", () => {
    assert.equal(
      aptInstall(["podman", "zstd"]).join(" "),
      `${COMMON} --no-install-recommends install -- podman zstd`,
    );
  });

  it("takes packages from one configured suite", () => {
    assert.equal(
      aptInstall(["criu"], { suite: "sid" }).join(" "),
      `${COMMON} --no-install-recommends -t sid install -- criu`,
    );
  });
});
