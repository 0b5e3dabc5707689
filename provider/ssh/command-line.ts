import { quoteArgv } from "./quote";

export interface CommandLineArgs {
  argv: readonly string[];
  /** Non-secret variables: command lines are visible to every user of the host. */
  env?: Readonly<Record<string, string>>;
  sudo: boolean;
  /** The host itself ends the command after this time, also when nobody is connected any more. */
  timeoutMs: number;
}

/** Printed before the command begins: what comes before it on standard output is the login shell's, as of a `.bashrc`. */
const OUTPUT_BEGINS = "container-ha-output-begins";

/** What the command itself has printed. */
export function ownOutput(stdout: string): string {
  const mark = `${OUTPUT_BEGINS}\n`;
  const at = stdout.indexOf(mark);
  return at < 0 ? stdout : stdout.slice(at + mark.length);
}

/**
 * The text that is sent to the host's login shell. Messages are in English (they are read by `commandError`), and
 * `env` carries the variables because sshd drops those of the protocol unless it is told otherwise.
 */
export function commandLine({ argv, env = {}, sudo, timeoutMs }: CommandLineArgs): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const bounded = ["timeout", "-k", "5", String(timeoutMs / 1000), ...argv];
  if (!sudo) return marked(["env", "LC_ALL=C", ...variables, ...bounded]);
  const inner = variables.length > 0 ? ["env", ...variables, ...bounded] : bounded;
  return marked(["env", "LC_ALL=C", "sudo", "-n", "--", ...inner]);
}

/** With `exec` no shell stays between sshd and the command. */
function marked(argv: readonly string[]): string {
  return `echo ${OUTPUT_BEGINS}; exec ${quoteArgv(argv)}`;
}
