import { spawn, spawnSync } from "node:child_process";
import { constants as access, accessSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";

/** What a person can act on: printed without a stack. */
export class Failure extends Error {}

/**
 * Runs a program to its end with our own input and output; returns its exit code (137 when it was killed, also for
 * running longer than `timeoutMs`). Ctrl-C is left to the program. `onOutput` gets what it prints instead of us.
 */
export function runProgram(argv, { environment = {}, timeoutMs = 0, onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    const output = onOutput ? "pipe" : "inherit";
    const child = spawn(argv[0], argv.slice(1), {
      stdio: ["inherit", output, output],
      env,
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    if (onOutput) for (const stream of [child.stdout, child.stderr]) stream.on("data", onOutput);
    const wait = () => undefined;
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, wait);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      for (const name of ["SIGINT", "SIGTERM"]) process.off(name, wait);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Runs a program quietly; `{ok, code, output}` with both of its streams. `onLine` sees each line of stderr. */
export function capture(argv, { environment = {}, cwd, onLine } = {}) {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    const child = spawn(argv[0], argv.slice(1), { stdio: ["ignore", "pipe", "pipe"], env, cwd });
    let output = "";
    let partial = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
      const lines = (partial + chunk).split("\n");
      partial = lines.pop();
      if (onLine !== undefined) for (const line of lines) onLine(line);
    });
    child.on("error", (error) => resolve({ ok: false, code: null, output: String(error) }));
    child.on("close", (code) => resolve({ ok: code === 0, code, output }));
  });
}

/** Like `capture`, but a program that fails is a failure with its last lines. */
export async function must(argv, options) {
  const result = await capture(argv, options);
  if (result.ok) return result.output;
  throw new Failure(`${argv.join(" ")}\nended with ${result.code}:\n${excerpt(result.output)}`);
}

/** The beginning and the end of a long output: some programs say first what is wrong, others last. */
function excerpt(text) {
  const lines = text.trim().split("\n");
  return lines.length <= 16 ? lines.join("\n") : [...lines.slice(0, 8), "...", ...lines.slice(-8)].join("\n");
}

export function lastLines(text, count) {
  return text.trim().split("\n").slice(-count).join("\n");
}

/** Path of a program on PATH or in the system's own folders, or undefined. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/local/sbin"];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

export function isRoot() {
  return process.getuid?.() === 0;
}

/** Whether root's rights can be had; asks for sudo's password where somebody can type it. */
export function canBeRoot() {
  if (isRoot()) return true;
  if (findProgram("sudo") === undefined) return false;
  if (spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0) return true;
  return Boolean(process.stdin.isTTY) && spawnSync("sudo", ["-v"], { stdio: "inherit" }).status === 0;
}

export function asRoot(argv) {
  return isRoot() ? argv : ["sudo", "-n", ...argv];
}

/** As root, with this environment and what names the caches: sudo itself passes nothing on. */
export function asRootWith(environment, argv) {
  if (isRoot()) return argv;
  const passed = Object.entries({ ...process.env, ...environment }).filter(([name]) =>
    /^(PATH|HOME|TERM|LANG|NO_COLOR|FORCE_COLOR|XDG_CACHE_HOME|NODE_EXTRA_CA_CERTS|SSL_CERT_.*|CONTAINER_HA_.*|PULUMI_.*)$/.test(
      name,
    ),
  );
  return ["sudo", "-n", "env", ...passed.map(([name, value]) => `${name}=${value}`), ...argv];
}

function isExecutable(file) {
  try {
    accessSync(file, access.X_OK);
    return true;
  } catch {
    return false;
  }
}
