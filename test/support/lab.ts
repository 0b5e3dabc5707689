import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Lab } from "../lab/lab";
import { checkout } from "../lab/paths";
import { bootOwnedLab, defaultLabId, endOwnedLab } from "../lab/with-lab";
import { skipBecause } from "./skip";

export interface LabSuiteOptions {
  /** How many hosts (ha1, ha2 ...) or their names. */
  hosts: number | string[];
  /** Time limit of each test in milliseconds. Default: 120 000. */
  timeoutMs?: number;
}

/**
 * A suite with test hosts of its own: booted before its first test, gone after its last. Where hosts cannot run, its
 * tests are skipped with the reason. `lab` can be used in tests and hooks, not while the suite is being declared.
 */
export function labSuite(title: string, options: LabSuiteOptions, declare: (lab: Lab) => void): void {
  describe(title, function () {
    this.timeout(options.timeoutMs ?? 120_000);
    let booted: Lab | undefined;
    const lab = new Proxy({} as Lab, {
      get(_target, key) {
        if (booted === undefined) throw new Error(`"${title}": the lab is used before its hosts are up`);
        return Reflect.get(booted, key);
      },
    });

    before("boot the hosts", async function () {
      const reason = whyNoHosts();
      if (reason !== undefined) return skipBecause(this, reason);
      booted = await bootOwnedLab({ id: testLabId(), hosts: options.hosts });
    });
    declare(lab);
    afterEach("journals of a failure", async function () {
      if (this.currentTest?.state === "failed" && booted !== undefined) await printJournals(booted);
    });
    after("take the hosts down", async () => {
      if (booted !== undefined) await endOwnedLab(booted);
    });
  });
}

/** The lab of the suite that runs; suites that run side by side have one each. */
function testLabId(): string {
  return `${defaultLabId()}-test${process.env.CONTAINER_HA_LAB_LANE ?? ""}`;
}

/** Why test hosts cannot run on this machine, or undefined when they can. */
export function whyNoHosts(): string | undefined {
  const known = process.env.CONTAINER_HA_CAPABILITIES;
  const answer =
    known ?? execFileSync(process.execPath, [join(checkout, "test/setup/capabilities.mjs")]).toString();
  const { ok, missing } = JSON.parse(answer) as { ok: boolean; missing: { what: string; fix: string }[] };
  return ok ? undefined : missing.map(({ what, fix }) => `${what} is missing: ${fix}`).join("; ");
}

/** What the product said on each host, for the person who has to find out why a test failed. */
async function printJournals(lab: Lab): Promise<void> {
  for (const host of lab.hosts) {
    // journalctl fails where the host never had such a unit.
    const journal = await lab.logs(host.name, { lines: 40, unit: "container-ha-*" }).catch(() => "");
    if (journal !== "") console.error(`--- ${host.name} (${lab.power(host.name)})\n${journal}`);
  }
}
