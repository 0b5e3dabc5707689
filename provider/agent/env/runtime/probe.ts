import { request } from "node:http";
import { connect } from "node:net";
import type { Probe } from "../../../contract";
import type { CopyRequest, ProbeResult } from "../../env";
import { probeAddress } from "./commands/ip";
import type { RuntimeContext } from "./context";
import { needRecord, stateOf } from "./copies";
import type { HostKeeper } from "./host-keeper";
import { probeExec } from "./probe-exec";

/**
 * Asks the application. A question that failed counts only where the copy ran and the way to it was whole from the
 * question's beginning to its end.
 */
export async function probe(
  context: RuntimeContext,
  keeper: HostKeeper,
  { spec, probe: asked }: CopyRequest & { probe: Probe },
): Promise<ProbeResult> {
  const since = performance.now();
  // The kernel answers for a held or frozen application too.
  const state = () => stateOf(context, needRecord(spec.name));
  if (state() !== "running") return { result: "unasked", why: `it is ${state()}` };
  const answer = await ask(context, spec.name, { address: spec.virtualIps[0]!, asked });
  if (answer.result !== "failed") return answer;
  if (state() !== "running") return { result: "unasked", why: `it is ${state()}` };
  // The engine has no part in an exec probe, nor has the network.
  const broken = asked.exec ? null : await keeper.brokenSince(spec.name, since);
  return broken === null ? answer : { result: "unasked", why: `${broken} (${answer.fault})` };
}

function ask(
  context: RuntimeContext,
  container: string,
  { address, asked }: { address: string; asked: Probe },
): Promise<ProbeResult> {
  const timeoutMs = asked.timeout * 1000;
  if (asked.exec) return probeExec(context, { container, command: asked.exec, timeoutMs });
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

export function probeTcp({ address, port, timeoutMs, from = probeAddress }: Target): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, localAddress: from });
    const settle = (result: ProbeResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const what = `TCP port ${port}`;
    const timer = setTimeout(() => settle(late(what, timeoutMs)), timeoutMs);
    socket.on("connect", () => settle({ result: "healthy" }));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(judge(what, error)));
  });
}

export function probeHttp(target: Target & { path: string }): Promise<ProbeResult> {
  const { address, port, path, timeoutMs, from = probeAddress } = target;
  return new Promise((resolve) => {
    const asked = request({ host: address, port, path, localAddress: from, agent: false });
    const settle = (result: ProbeResult) => {
      clearTimeout(timer);
      asked.destroy();
      resolve(result);
    };
    const what = `HTTP ${path} on port ${port}`;
    const timer = setTimeout(() => settle(late(what, timeoutMs)), timeoutMs);
    asked.on("response", ({ statusCode = 0 }) =>
      settle(
        statusCode >= 200 && statusCode < 400
          ? { result: "healthy" }
          : { result: "failed", fault: `${what}: status ${statusCode}` },
      ),
    );
    asked.on("error", (error: NodeJS.ErrnoException) => settle(judge(what, error)));
    asked.end();
  });
}

function late(what: string, timeoutMs: number): ProbeResult {
  return { result: "failed", fault: `${what}: no answer within ${timeoutMs / 1000} s` };
}

/** What only the host's own side can come to: no address or way to ask from, no memory or file for a socket. */
const OWN_FAULTS = new Set([
  "EADDRNOTAVAIL",
  "EADDRINUSE",
  "ENODEV",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "EACCES",
  "EPERM",
  "EINVAL",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
]);

function judge(what: string, { code, message }: NodeJS.ErrnoException): ProbeResult {
  const fault = `${what}: ${code ?? message}`;
  return OWN_FAULTS.has(code ?? "") ? { result: "unasked", why: fault } : { result: "failed", fault };
}
