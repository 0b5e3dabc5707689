import { APT_ENV, aptInstall, aptUpdate, INSTALL_WITHOUT_SERVICE_SCRIPT } from "../commands/apt";
import type { HostSession } from "../ssh/session";
import type { Verdict } from "./judge";

/** Installs packages; what is there already stays. */
export async function installMissing(host: HostSession, missing: Verdict["missing"]): Promise<void> {
  await host.run(aptUpdate(), { env: APT_ENV, timeoutMs: INSTALL_TIMEOUT_MS });
  for (const { packages, suite } of missing) {
    await host.run(aptInstall(packages, { suite }), { env: APT_ENV, timeoutMs: INSTALL_TIMEOUT_MS });
  }
}

/** Installs packages whose service must not start by itself; a unit of that name that was there before is left alone. */
export async function installWithoutService(
  host: HostSession,
  o: { packages: readonly string[]; unit: string },
): Promise<void> {
  await host.run(aptUpdate(), { env: APT_ENV, timeoutMs: INSTALL_TIMEOUT_MS });
  await host.script(INSTALL_WITHOUT_SERVICE_SCRIPT, {
    args: [o.unit, ...aptInstall(o.packages)],
    env: APT_ENV,
    timeoutMs: INSTALL_TIMEOUT_MS,
    label: `install ${o.packages.join(", ")} without starting ${o.unit}`,
  });
}

const INSTALL_TIMEOUT_MS = 10 * 60_000;
