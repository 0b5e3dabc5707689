import assert from "node:assert/strict";
import { closeAll } from "../../provider/ssh/pool";
import { connectionsTo, create } from "../support/handlers";
import { labSuite } from "../support/lab";

const SHIPPED = '{"insecure-registries": ["registry.lab:5000"]}';
const IMAGE = "registry.lab:5000/redis-lab";

labSuite("docker as its distribution ships it", { hosts: ["ha1"], timeoutMs: 120_000 }, (lab) => {
  const host = () => ({
    name: "ha1",
    connection: connectionsTo([lab.host("ha1")]).ha1,
    address: lab.host("ha1").address,
    engines: ["docker"],
  });
  const settings = async () => JSON.parse(await lab.exec("ha1", "cat /etc/docker/daemon.json"));
  const restores = async () =>
    (await lab.exec("ha1", "docker version --format '{{.Server.Experimental}}'")).trim() === "true";

  beforeEach(async () => {
    await lab.exec("ha1", `echo '${SHIPPED}' >/etc/docker/daemon.json`);
    await lab.exec("ha1", "systemctl reset-failed docker; systemctl restart docker");
    assert.equal(await restores(), false);
  });
  afterEach(closeAll);

  it("is told by the Host to restore checkpoints, and keeps its other settings", async () => {
    await create("Host", host());
    assert.deepEqual(await settings(), { ...JSON.parse(SHIPPED), experimental: true });
    assert.equal(await restores(), true);
  });

  it("is left as it is where its restart would end what runs, and the Host says so", async () => {
    await lab.exec("ha1", `docker run --detach --name bystander ${IMAGE}`);
    await assert.rejects(create("Host", host()), /would end 1 running containers here/);
    assert.equal(await restores(), false);
    assert.deepEqual(await settings(), JSON.parse(SHIPPED));
    assert.equal((await lab.exec("ha1", "docker ps --quiet --filter name=bystander")).trim() === "", false);
  });
});
