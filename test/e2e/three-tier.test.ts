import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pythonImage } from "../lab/image";
import type { Lab } from "../lab/lab";
import { checkout } from "../lab/paths";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";
import { openStack, type Stack } from "../support/pulumi";
import { changed, succeeded } from "../support/runs";
import { until } from "../support/until";

/** A protected database, two protected applications kept apart, and a stateless front. */
labSuite("examples/three-tier with the real CLI on real hosts", { hosts: 3, timeoutMs: 180_000 }, (lab) => {
  const names = ["database", "app-1", "app-2", "front"];
  let stack: Stack;
  const zoneOf = (host: string | null) => `zone-${host?.replace(/\D/g, "")}`;
  const allProtected = () =>
    Promise.all(
      names.map((name) =>
        untilContainer(lab, name, { what: "full protection", limitMs: 90_000, holds: isProtected }),
      ),
    );
  const checkpointAll = async () => {
    await allProtected();
    for (const name of names) await lab.exec(lab.hosts[0]!.name, `container-ha checkpoint ${name}`);
    await allProtected();
  };
  const assertApart = async () => {
    const zones = await Promise.all(
      ["app-1", "app-2"].map(async (name) => zoneOf((await containerStatus(lab, name)).primary)),
    );
    assert.notEqual(zones[0], zones[1], "both applications run in one zone");
  };
  const cutPowerBelow = async (name: string) => {
    const { primary } = await containerStatus(lab, name);
    await lab.kill(primary!);
    return primary!;
  };

  before("open a stack", async () => {
    if (lab.hosts) stack = await threeTierStack(lab);
  });
  after("close the stack", () => stack?.dispose());

  it("one `up` starts all tiers, and the front answers with both applications in turns", async () => {
    succeeded(await stack.up());
    assert.equal((await stack.outputs()).url, urlOf(lab));
    const visits = [await visit(lab), await visit(lab)];
    assert.deepEqual(visits.map(({ app }) => app).sort(), ["app-1", "app-2"]);
    assert.equal(visits[1]!.visits, visits[0]!.visits + 1);
  });

  it("keeps the two applications in different zones, as the rule by label says", assertApart);

  it("`preview` of what is already there shows no change", async () => {
    assert.deepEqual(changed(succeeded(await stack.preview())), {});
  });

  it("the visits survive a power cut of the database's host, and the applications find it again", async () => {
    for (let count = 0; count < 10; count += 1) await visit(lab);
    const before = await visit(lab);
    await checkpointAll();
    const killed = await cutPowerBelow("database");
    await untilVisited(lab);
    assert.ok((await visit(lab)).visits > before.visits, "visits were lost");
    await assertApart();
    await lab.start(killed);
    await allProtected();
  });

  it("an application's memory survives a power cut of its host, in a zone of its own", async () => {
    const served = async () => (await visitApp(lab, "app-1")).served;
    await served();
    const before = await served();
    await checkpointAll();
    const killed = await cutPowerBelow("app-1");
    const after = await untilContainer(lab, "app-1", {
      what: "a new primary",
      limitMs: 60_000,
      holds: ({ phase, primary }) => phase === "RUNNING" && primary !== killed,
    });
    await untilVisited(lab);
    assert.ok((await served()) > before, "the application lost its memory");
    assert.notEqual(zoneOf(after.primary), zoneOf(killed));
    await assertApart();
    await lab.start(killed);
    await allProtected();
  });

  it("`destroy` leaves nothing on any host", async () => {
    succeeded(await stack.destroy());
    assert.deepEqual(await leftovers(lab), []);
  });
});

async function threeTierStack(lab: Lab): Promise<Stack> {
  const programs = join(checkout, "examples/three-tier/programs");
  const files = ["app.py", "front.py", "web.py"].map((name) => [
    `/${name}`,
    { content: readFileSync(join(programs, name), "utf8") },
  ]);
  const { image } = await lab.pushImage("shop", { ...pythonImage, files: Object.fromEntries(files) });
  const stack = await openStack({ example: "three-tier", stack: "lab" });
  await stack.configure(
    {
      hosts: lab.hosts.map(({ name, address, hostKey }, index) => ({
        name,
        address,
        hostKey,
        zone: `zone-${index + 1}`,
      })),
      images: { database: "registry.lab:5000/redis-lab", python: image },
      addresses: {
        database: addressOf(lab, 0),
        apps: [addressOf(lab, 1), addressOf(lab, 2)],
        front: addressOf(lab, 3),
      },
      profile: "default",
      checkpointSeconds: 5,
    },
    { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
  );
  return stack;
}

function addressOf(lab: Lab, index: number): string {
  return `${lab.subnet}.${110 + index}`;
}

function urlOf(lab: Lab): string {
  return `http://${addressOf(lab, 3)}:8080/`;
}

interface Visit {
  app: string;
  /** Counted by the database, and by the application in its own memory. */
  visits: number;
  served: number;
}

function visit(lab: Lab): Promise<Visit> {
  return answerOf(urlOf(lab));
}

function visitApp(lab: Lab, app: "app-1" | "app-2"): Promise<Visit> {
  return answerOf(`http://${addressOf(lab, app === "app-1" ? 1 : 2)}:8080/`);
}

/** After a failover: a visit that succeeds with each of the applications. */
async function untilVisited(lab: Lab): Promise<void> {
  const seen = new Set<string>();
  const bothAnswered = async () => seen.add((await visit(lab)).app).size === 2;
  await until(bothAnswered, "an answer of both applications", 60_000);
}

/** As a visitor does who loads the page again where it does not come. */
async function answerOf(url: string): Promise<Visit> {
  let answer: Visit | undefined;
  let fault = "";
  const answered = async () => {
    answer = await ask(url).catch((error: Error) => {
      fault = error.message;
      return undefined;
    });
    return answer !== undefined;
  };
  await until(answered, `an answer of ${url}`, 60_000).catch((error: Error) => {
    throw new Error(`${error.message}; last: ${fault}`);
  });
  return answer!;
}

async function ask(url: string): Promise<Visit> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  const match = /^(\S+) visits=(\d+) served=(\d+)$/.exec(text.trim());
  if (!response.ok || !match) throw new Error(`${url} answered ${response.status}: ${text}`);
  return { app: match[1]!, visits: Number(match[2]), served: Number(match[3]) };
}
