import { quoteArgv } from "./quote";

export interface CommandLineArgs {
  argv: readonly string[];
  /** Non-secret variables: command lines are visible to every user of the host. */
  env?: Readonly<Record<string, string>>;
  sudo: boolean;
  /** The host itself ends the command after this time, also when nobody is connected any more. */
  timeoutMs: number;
}

/**
 * The text that is sent to the host's login shell. Messages are in English (they are read by `commandError`), and
 * `env` carries the variables because sshd drops those of the protocol unless it is told otherwise.
 */
export function commandLine({ argv, env = {}, sudo, timeoutMs }: CommandLineArgs): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const bounded = ["timeout", "-k", "5", String(timeoutMs / 1000), ...argv];
  if (!sudo) return quoteArgv(["env", "LC_ALL=C", ...variables, ...bounded]);
  const inner = variables.length > 0 ? ["env", ...variables, ...bounded] : bounded;
  return quoteArgv(["env", "LC_ALL=C", "sudo", "-n", "--", ...inner]);
}
