import assert from "node:assert/strict";
import { docker } from "../../../../../provider/agent/env/runtime/commands/docker";
import { podman } from "../../../../../provider/agent/env/runtime/commands/podman";
import { runc } from "../../../../../provider/agent/env/runtime/commands/runc";
import { tar } from "../../../../../provider/agent/env/runtime/commands/tar";

const plan = { parent: "eth0", subnet: "10.77.0.0/24" };

describe("command lines of the engines", () => {
  it("make the engine network on the group's interface, with and without a gateway", () => {
    const made = "network create --driver macvlan --opt parent=eth0 --subnet 10.77.0.0/24";
    assert.equal(
      podman.networkCreate(plan).join(" "),
      `podman ${made} --opt no_default_route=1 --disable-dns container-ha`,
    );
    assert.equal(
      podman.networkCreate({ ...plan, gateway: "10.77.0.254" }).join(" "),
      `podman ${made} --gateway 10.77.0.254 --disable-dns container-ha`,
    );
    assert.equal(
      docker.networkCreate({ ...plan, gateway: "10.77.0.254" }).join(" "),
      `docker ${made} --gateway 10.77.0.254 container-ha`,
    );
  });

  it("restore by the engine and checkpoint below it", () => {
    assert.equal(podman.restore("abc").join(" "), "podman container restore abc");
    assert.equal(docker.restore("abc").join(" "), "docker start --checkpoint container-ha abc");
    assert.equal(
      runc.checkpoint({ root: "/run/runc", id: "abc", images: "/g/images", work: "/w" }).join(" "),
      "runc --root /run/runc checkpoint --leave-running --tcp-established --image-path /g/images --work-path /w abc",
    );
  });

  it("find copies by the group's label and remove them with their volumes", () => {
    assert.equal(
      podman.list("shop").join(" "),
      "podman ps --all --quiet --no-trunc --filter label=container-ha.group=shop",
    );
    assert.equal(docker.list("shop")[0], "docker");
    assert.equal(podman.remove("abc").join(" "), "podman rm --force --time 0 --volumes --ignore abc");
    assert.equal(docker.remove("abc").join(" "), "docker rm --force --volumes abc");
  });

  it("pack the writable layer with owners and overlay attributes, and unpack it the same", () => {
    assert.equal(
      tar.pack({ folder: "/up", file: "/g/layer.tar" }).join(" "),
      "tar --numeric-owner --xattrs --xattrs-include=* --acls --xattrs-exclude=trusted.overlay.origin --sparse " +
        "--directory /up --create --file /g/layer.tar .",
    );
    assert.equal(
      tar.unpack({ folder: "/up", file: "/g/layer.tar" }).join(" "),
      "tar --numeric-owner --xattrs --xattrs-include=* --acls --same-owner --same-permissions --directory /up " +
        "--extract --file /g/layer.tar",
    );
  });

  it("take what CRIU makes in a container's /tmp for no fault of packing, and anything else for one", () => {
    const folders = "tar: ./tmp: file changed as we read it\ntar: ./tmp/x: File removed before we read it\n";
    assert.ok(tar.isPacked({ code: 0, stderr: "" }));
    assert.ok(tar.isPacked({ code: 1, stderr: folders }));
    assert.ok(
      !tar.isPacked({ code: 1, stderr: `${folders}tar: ./a: File shrank by 5 bytes; padding with zeros` }),
    );
    assert.ok(!tar.isPacked({ code: 1, stderr: "" }));
    assert.ok(!tar.isPacked({ code: 2, stderr: folders }));
    assert.ok(!tar.isPacked({ code: null, stderr: "" }));
  });
});
