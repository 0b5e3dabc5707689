import { PREFLIGHT_SCRIPT } from "../commands/preflight";
import { type Engine, paths } from "../contract";
import type { HostSession } from "../ssh/session";
import { type Facts, parseFacts } from "./facts";

/** Looks at a host with one script; changes nothing. */
export async function observeHost(
  host: HostSession,
  { engines = [] }: { engines?: readonly Engine[] } = {},
): Promise<Facts> {
  const { stdout } = await host.script(PREFLIGHT_SCRIPT, {
    args: [paths.state, engines.includes("docker") ? "docker" : ""],
    label: "look at the host (preflight)",
  });
  return parseFacts(stdout, host.name);
}
