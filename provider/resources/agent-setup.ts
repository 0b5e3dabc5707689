import {
  makeFolders,
  makePrivateFolders,
  observeUnits,
  parseUnitStates,
  removeOtherReleases,
  switchRelease,
  type UnitState,
  unitFolder,
} from "../commands/agent";
import { agentUnits, commandWrapper, currentApp, type UnitFile } from "../commands/agent-units";
import { probeRealtime, systemd } from "../commands/systemd";
import { type AgentConfig, paths } from "../contract";
import { CommandFailed, UserError } from "../errors";
import { installRelease, readInstalled } from "../release/install";
import type { InstalledRelease, Release } from "../release/release";
import { type Architecture, architectureOf, architectures } from "../release/runtime";
import type { RuntimeBinary } from "../release/runtime-binary";
import type { HostSession } from "../ssh/session";

export interface AgentPlan {
  host: HostSession;
  release: Release;
  config: Pick<AgentConfig, "logLevel" | "metricsPort">;
  log: (line: string) => void;
  runtime?: (architecture: Architecture) => Promise<RuntimeBinary>;
}

/** A host on which everything lies ready and only the switch is left. */
export interface PreparedAgent {
  realtime: boolean;
  /** Units whose process runs something else than what is prepared, in the order of their start. */
  stale: string[];
  /** Whether an agent runs now: switching it is an update, not a first start. */
  running: boolean;
  /** Whether anything has to be started, enabled or replaced. */
  complete: boolean;
}

/** Uploads release, configuration and units. Nothing that runs is touched. */
export async function prepareAgent(plan: AgentPlan): Promise<PreparedAgent> {
  const { host, release, log } = plan;
  const { stdout: machine } = await host.run(["uname", "-m"]);
  const architecture = architectureOf(machine.trim());
  if (!architecture) {
    throw new UserError(
      `${host.name} is a ${machine.trim()} machine; agents run on ${architectures.join(" and ")} (x86_64, aarch64)`,
    );
  }
  const installed = await readInstalled(host, currentApp);
  refuseDowngrade({ host: host.name, installed, release });
  await installRelease({ host, release, architecture, log, runtime: plan.runtime });
  const realtime = (await host.run(probeRealtime(), { check: false })).code === 0;
  const agentConfig = configText(plan);
  const files = agentUnits({ release: release.hash, agentConfig, realtime });
  await host.run(makeFolders([paths.etc, paths.state]));
  await host.run(makePrivateFolders());
  await host.upload({ path: paths.agentConfig, content: agentConfig, mode: 0o644 });
  for (const file of files) {
    await host.upload({ path: `${unitFolder}/${file.name}`, content: file.text, mode: 0o644 });
  }
  await host.upload({ path: paths.command, content: commandWrapper(), mode: 0o755 });
  const states = await unitStates(host, files);
  const stale = files.filter((file) => isStale(file, states.get(file.name))).map((file) => file.name);
  const enabled = files.every((file) => states.get(file.name)?.enabled);
  return {
    realtime,
    stale,
    running: states.get(files.at(-1)!.name)?.active ?? false,
    complete: stale.length === 0 && enabled && installed?.hash === release.hash,
  };
}

/** Switches to what is prepared and starts or restarts what runs something else. Resolves when systemd calls it ready. */
export async function switchAgent({ host, release, log }: AgentPlan, prepared: PreparedAgent): Promise<void> {
  await host.script(switchRelease, { args: [release.hash], label: "switch the release" });
  await host.run(systemd.enable(unitNames()));
  await host.run(systemd.reload());
  for (const unit of unitNames()) {
    if (!prepared.stale.includes(unit)) continue;
    log(`starting ${unit}`);
    await startOrExplain(host, unit);
  }
  const { hash, runtimeVersion } = release;
  await host.script(removeOtherReleases, { args: [hash, runtimeVersion], label: "remove other releases" });
}

const LAST_WORDS = 12;

/** The last lines of the units, for a message about an agent that does not come up. */
export async function agentWords(host: HostSession): Promise<string> {
  const words = await Promise.all(
    unitNames().map(async (unit) => {
      const { stdout } = await host.run(systemd.journal(unit, LAST_WORDS), { check: false });
      return stdout.trim() && `${unit}:\n${stdout.trim()}`;
    }),
  );
  return words.filter(Boolean).join("\n");
}

const unitNames = (): string[] =>
  agentUnits({ release: "", agentConfig: "", realtime: true }).map(({ name }) => name);

function configText({ config, release }: AgentPlan): string {
  const { logLevel, metricsPort } = config;
  const text: AgentConfig = { version: 1, release: release.hash, logLevel, metricsPort };
  return `${JSON.stringify(text, null, 2)}\n`;
}

function refuseDowngrade(o: { host: string; installed: InstalledRelease | null; release: Release }): void {
  const { installed, release } = o;
  if (!installed || installed.recordVersion <= release.recordVersion) return;
  throw new UserError(
    `${o.host} runs release ${installed.version}, which writes records of version ${installed.recordVersion}; ` +
      `release ${release.version} of this package reads only up to version ${release.recordVersion} and would not ` +
      `understand them. Nothing was changed. Use pulumi-container-ha ${installed.version} or newer.`,
  );
}

async function unitStates(host: HostSession, files: UnitFile[]): Promise<Map<string, UnitState>> {
  const args = files.map((file) => file.name);
  const { stdout } = await host.script(observeUnits, { args, label: "look at the agent's units" });
  return parseUnitStates(stdout);
}

function isStale(file: UnitFile, state: UnitState | undefined): boolean {
  return !state?.active || (file.fingerprint !== null && state.fingerprint !== file.fingerprint);
}

async function startOrExplain(host: HostSession, unit: string): Promise<void> {
  try {
    await host.run(systemd.restart(unit, { wait: true }), { timeoutMs: 150_000 });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const { stdout } = await host.run(systemd.journal(unit, LAST_WORDS), { check: false });
    throw new UserError(`${unit} did not start on ${host.name}. Its last words:\n${stdout.trim()}`, {
      cause: error,
    });
  }
}
