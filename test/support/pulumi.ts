import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { cacheFolder } from "../lab/paths";

/** What a finished run of the CLI said. */
export interface PulumiRun {
  code: number | null;
  output: string;
  seconds: number;
  /** Resources by what happened to them, from the summary: `{ create: 7, same: 1 }`. */
  summary: Record<string, number>;
}

export interface Stack {
  folder: string;
  /** Of the backend and the CLI's own files. */
  stateFolder: string;
  /** Sets secrets through the CLI, then writes the other settings, which may be objects; again replaces them. */
  configure(values: Record<string, unknown>, secrets: Record<string, string>): Promise<void>;
  up(options?: RunOptions): Promise<PulumiRun>;
  preview(options?: RunOptions): Promise<PulumiRun>;
  refresh(options?: RunOptions): Promise<PulumiRun>;
  destroy(options?: RunOptions): Promise<PulumiRun>;
  /** Ends the lock that a killed run left, as the CLI tells its user to do. */
  cancel(): Promise<PulumiRun>;
  outputs(): Promise<Record<string, unknown>>;
  /** The state file as it lies in the backend, for looking for plain secrets. */
  stateText(): string;
  dispose(): void;
}

export interface RunOptions {
  /** Called with each line of output. */
  onLine?: (line: string) => void;
  /** Called with the running CLI, for tests that kill it. */
  onStart?: (child: ChildProcess) => void;
  args?: string[];
  env?: Record<string, string>;
}

const root = join(__dirname, "..", "..", "..");

/**
 * A stack of an example on a file backend in a temporary folder, driven by the real CLI. The example is copied, so
 * that runs side by side do not share settings files; packages resolve as for a user, from node_modules beside it.
 */
export async function openStack({
  example,
  stack,
  source = join("examples", example),
  beside,
}: {
  /** Name of the project. */
  example: string;
  stack: string;
  /** Folder of the program, from the top. @default the example of that name */
  source?: string;
  /** A stack in whose backend this one is, so that it can refer to it. @default a backend of its own */
  beside?: Stack;
}): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "container-ha-stack-"));
  const program = join(folder, "program");
  cpSync(join(root, source), program, { recursive: true });
  linkPackages(program);
  const state = beside?.stateFolder ?? folder;
  for (const name of ["backend", "home"]) mkdirSync(join(state, name), { recursive: true });
  const run = (args: string[], options: RunOptions = {}) => runPulumi({ state, program, args, options });
  await mustRun(run(["stack", "init", stack]));
  return {
    folder: program,
    stateFolder: state,
    async configure(values, secrets) {
      for (const [key, value] of Object.entries(secrets)) {
        await mustRun(
          runPulumi({ state, program, args: ["config", "set", "--secret", key], stdin: value, options: {} }),
        );
      }
      const file = join(program, `Pulumi.${stack}.yaml`);
      const lines = Object.entries(values).map(
        ([key, value]) => `  ${example}:${key}: ${JSON.stringify(value)}`,
      );
      const before = withoutSettings(readFileIfThere(file), Object.keys(values), example);
      const text = before.includes("config:")
        ? before.replace("config:", `config:\n${lines.join("\n")}`)
        : `${before}config:\n${lines.join("\n")}\n`;
      writeFileSync(file, text);
    },
    up: (options) => run(["up", "--yes", "--skip-preview", ...(options?.args ?? [])], options),
    preview: (options) => run(["preview", ...(options?.args ?? [])], options),
    refresh: (options) => run(["refresh", "--yes", "--skip-preview", ...(options?.args ?? [])], options),
    destroy: (options) => run(["destroy", "--yes", "--skip-preview", ...(options?.args ?? [])], options),
    cancel: () => mustRun(run(["cancel", "--yes"])),
    async outputs() {
      const { output } = await mustRun(run(["stack", "output", "--json", "--show-secrets"]));
      return JSON.parse(output) as Record<string, unknown>;
    },
    stateText: () =>
      readFileSync(join(state, "backend", ".pulumi", "stacks", example, `${stack}.json`), "utf8"),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Where the set-up puts the CLI and its two plugins. */
export function pulumiFolder(): string {
  return join(cacheFolder(), "pulumi", "v3.259.0", "bin");
}

/** Of this package what npm would install: the language host looks through all that is there for plugins to load. */
function linkPackages(program: string): void {
  const modules = join(program, "node_modules");
  mkdirSync(join(modules, "@pulumi"), { recursive: true });
  const own = join(modules, "pulumi-container-ha");
  const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: string[] };
  for (const file of ["package.json", ...files]) {
    mkdirSync(dirname(join(own, file)), { recursive: true });
    symlinkSync(join(root, file), join(own, file));
  }
  for (const name of ["@pulumi/pulumi", "@pulumi/docker", "typescript", "@types"]) {
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
}

async function runPulumi({
  state,
  program,
  args,
  stdin,
  options,
}: {
  state: string;
  program: string;
  args: string[];
  stdin?: string;
  options: RunOptions;
}): Promise<PulumiRun> {
  const startedAt = performance.now();
  const child = spawn("pulumi", [...args, "--non-interactive"], {
    cwd: program,
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: [pulumiFolder(), join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
      PULUMI_BACKEND_URL: `file://${join(state, "backend")}`,
      PULUMI_HOME: join(state, "home"),
      PULUMI_CONFIG_PASSPHRASE: "lab",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
      // As the README recommends: most of a run with little to do is spent with loading Pulumi's own packages.
      NODE_COMPILE_CACHE: join(cacheFolder(), "compiled"),
      ...options.env,
    },
  });
  options.onStart?.(child);
  child.stdin?.end(stdin);
  let output = "";
  let partial = "";
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    const lines = (partial + chunk.toString()).split("\n");
    partial = lines.pop()!;
    for (const line of lines) options.onLine?.(line);
  };
  child.stdout!.on("data", take);
  child.stderr!.on("data", take);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output, seconds: (performance.now() - startedAt) / 1000, summary: summaryOf(output) };
}

async function mustRun(running: Promise<PulumiRun>): Promise<PulumiRun> {
  const run = await running;
  if (run.code !== 0) throw new Error(`pulumi ended with code ${run.code}:\n${run.output}`);
  return run;
}

/** `+ 7 to create`, `7 created`, `1 unchanged` ... -> counts by verb. */
function summaryOf(output: string): Record<string, number> {
  const part = output.slice(output.lastIndexOf("Resources:"));
  const verbs = { creat: "create", updat: "update", delet: "delete", replac: "replace", unchanged: "same" };
  const counts: Record<string, number> = {};
  for (const match of part.matchAll(/^\s*[+~\-\s]*(\d+) (?:to )?(\w+)/gm)) {
    const verb = Object.entries(verbs).find(([stem]) => match[2]!.startsWith(stem));
    if (verb) counts[verb[1]] = Number(match[1]);
  }
  return counts;
}

/** Removes settings that an earlier `configure` wrote, one line each. */
function withoutSettings(text: string, keys: string[], project: string): string {
  const starts = keys.map((key) => `  ${project}:${key}: `);
  const lines = text.split("\n").filter((line) => !starts.some((start) => line.startsWith(start)));
  return lines.join("\n");
}

function readFileIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
