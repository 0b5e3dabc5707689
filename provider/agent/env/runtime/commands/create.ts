import { type ContainerSpec, engineName, engineNetwork, specDigest } from "../../../../contract";

/** Labels by which every copy of ours is found again. */
export const labels = {
  group: "container-ha.group",
  container: "container-ha.container",
  spec: "container-ha.spec",
  virtualIps: "container-ha.virtual-ips",
} as const;

export interface CreatePlan {
  group: string;
  spec: ContainerSpec;
  /** The MAC that the engine gives it at every start: a parked one, so that no engine ever shows the real one. */
  mac: string;
  criuConf: string;
  envFile: string;
  /** Controllers of the host: a limit without its controller makes the engine fail. */
  controllers: readonly string[];
}

/** Arguments of `create`, the same for podman and docker. The environment goes through a file (see `environmentOf`). */
export function createArgs(plan: CreatePlan): string[] {
  const { spec } = plan;
  const { workload } = spec;
  const [entrypoint, ...entrypointArgs] = workload.entrypoints ?? [];
  const environment = environmentOf(workload.envs);
  return [
    "create",
    "--name",
    engineName(spec.name),
    "--pull",
    "never",
    "--restart",
    "no",
    "--no-healthcheck",
    "--hostname",
    workload.hostname ?? spec.name,
    "--network",
    engineNetwork,
    "--ip",
    spec.virtualIps[0]!,
    "--mac-address",
    plan.mac,
    "--annotation",
    `org.criu.config=${plan.criuConf}`,
    ...workload.labels.flatMap(({ label, value }) => ["--label", `${label}=${value}`]),
    ...Object.entries({
      [labels.group]: plan.group,
      [labels.container]: spec.name,
      [labels.spec]: specDigest(spec),
      [labels.virtualIps]: spec.virtualIps.join(","),
    }).flatMap(([label, value]) => ["--label", `${label}=${value}`]),
    ...Object.entries(tmpfsOf(workload.tmpfs)).flatMap(([path, options]) => [
      "--tmpfs",
      options ? `${path}:${options}` : path,
    ]),
    ...Object.entries(workload.sysctls).flatMap(([name, value]) => ["--sysctl", `${name}=${value}`]),
    ...(environment.lines.length > 0 ? ["--env-file", plan.envFile] : []),
    ...Object.keys(environment.inherited).flatMap((name) => ["--env", name]),
    ...optional("--user", workload.user),
    ...optional("--workdir", workload.workingDir),
    ...optional("--stop-signal", workload.stopSignal),
    ...(plan.controllers.includes("memory")
      ? optional("--memory", workload.memory && `${workload.memory}m`)
      : []),
    ...optional("--entrypoint", entrypoint),
    workload.image,
    ...entrypointArgs,
    ...workload.command,
  ];
}

/**
 * Variables may be secrets, so no value stands on a command line: those of one line go into a file, those of several
 * lines, which such a file cannot hold, are inherited from the engine's own environment.
 */
export function environmentOf(envs: readonly string[]): {
  lines: string[];
  inherited: Record<string, string>;
} {
  const several = envs.filter((variable) => variable.includes("\n"));
  return {
    lines: envs.filter((variable) => !variable.includes("\n")),
    inherited: Object.fromEntries(
      several.map((variable) => [
        variable.slice(0, variable.indexOf("=")),
        variable.slice(variable.indexOf("=") + 1),
      ]),
    ),
  };
}

/** The engines bind-mount /dev/shm from the host, out of CRIU's sight; as a tmpfs it goes into the images. */
function tmpfsOf(declared: Record<string, string>): Record<string, string> {
  return { "/dev/shm": "rw,nosuid,nodev,mode=1777,size=64m", ...declared };
}

function optional(option: string, value: string | number | undefined): string[] {
  return value === undefined || value === "" ? [] : [option, String(value)];
}
