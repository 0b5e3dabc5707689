import { request } from "node:http";
import { connect } from "node:net";
import type { Probe } from "../../../contract";
import type { CopyRequest } from "../../env";
import { probeAddress } from "./commands/ip";
import type { RuntimeContext } from "./context";
import { needRecord } from "./copies";
import { tryRun } from "./exec";
import { isHeld } from "./held";

/** Asks the application. Null: healthy; else one sentence of what failed. */
export async function probe(
  context: RuntimeContext,
  { spec, probe: asked }: CopyRequest & { probe: Probe },
): Promise<string | null> {
  const timeoutMs = asked.timeout * 1000;
  const address = spec.virtualIps[0]!;
  // The kernel answers for a held application, and the engine keeps its lock until it is released.
  if (isHeld(spec.name)) return "it is held before its first instruction";
  if (asked.exec) return probeExec(context, { container: spec.name, command: asked.exec, timeoutMs });
  if (asked.http) return probeHttp({ address, ...asked.http, timeoutMs });
  return probeTcp({ address, port: asked.tcp!.port, timeoutMs });
}

interface Target {
  address: string;
  port: number;
  timeoutMs: number;
  /** Where the question comes from; its routing rule leads to the probe shim. Default: the shim's address. */
  from?: string;
}

export function probeTcp({ address, port, timeoutMs, from = probeAddress }: Target): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, localAddress: from });
    const settle = (fault: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(fault && `TCP port ${port}: ${fault}`);
    };
    const timer = setTimeout(() => settle(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    socket.on("connect", () => settle(null));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}

export function probeHttp(target: Target & { path: string }): Promise<string | null> {
  const { address, port, path, timeoutMs, from = probeAddress } = target;
  return new Promise((resolve) => {
    const asked = request({ host: address, port, path, localAddress: from, agent: false });
    const settle = (fault: string | null) => {
      clearTimeout(timer);
      asked.destroy();
      resolve(fault && `HTTP ${path} on port ${port}: ${fault}`);
    };
    const timer = setTimeout(() => settle(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    asked.on("response", ({ statusCode = 0 }) =>
      settle(statusCode >= 200 && statusCode < 400 ? null : `status ${statusCode}`),
    );
    asked.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    asked.end();
  });
}

async function probeExec(
  context: RuntimeContext,
  { container, command, timeoutMs }: { container: string; command: string[]; timeoutMs: number },
): Promise<string | null> {
  const record = needRecord(container);
  try {
    const result = await tryRun(context.engines[record.engine].execArgv(record.id, command), { timeoutMs });
    if (result.code === 0) return null;
    const said = (result.stderr || result.stdout).trim().split("\n").at(-1);
    return `command ${command[0]}: exit code ${result.code}${said ? `, ${said}` : ""}`;
  } catch {
    return `command ${command[0]}: no answer within ${timeoutMs / 1000} s`;
  }
}
