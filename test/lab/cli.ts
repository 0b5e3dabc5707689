/** What `npm run lab` was asked to do. */
export type LabCommand =
  | { verb: "up"; hosts: number }
  | { verb: "down" | "status" | "heal" | "clean" }
  | { verb: "kill" | "start" | "pause" | "resume"; host: string }
  | { verb: "logs"; host: string; lines: number }
  | { verb: "ssh"; host: string; command: string[] }
  | { verb: "isolate"; host: string; from?: string; direction: "both" | "out" };

export const labUsage = `npm run lab -- COMMAND [--json]

  up [n]                      boots n hosts (ha1, ha2 ...; 3 without n)
  down                        ends all hosts and removes everything of the lab
  status                      hosts, addresses, what is cut off
  ssh HOST [cmd]              a shell on the host, or one command
  kill HOST                   power cut
  start HOST                  boots it again, same disk, new boot id
  isolate HOST [--from HOST] [--one-way]
                              loses the frames between the host and the rest (or one other host, or "machine");
                              --one-way: only what HOST sends is lost
  heal                        ends all isolation
  pause HOST | resume HOST    stops every process of the host at once, and lets them go on
  logs HOST [--lines n]       its journal, also when it is off
  clean                       down for every lab, then removes all caches

CONTAINER_HA_LAB=name names another lab; labs side by side do not collide.
`;

/** A command line that makes no sense; its message is for the person who typed it. */
export class UsageError extends Error {}

export function parseLabCommand(args: string[]): { command: LabCommand; json: boolean } {
  const [verb, ...rest] = args.filter((argument, index) => argument !== "--json" || isPartOfSsh(args, index));
  const json = args.some((argument, index) => argument === "--json" && !isPartOfSsh(args, index));
  return { command: parseVerb(verb, rest), json };
}

function parseVerb(verb: string | undefined, args: string[]): LabCommand {
  switch (verb) {
    case "up":
      return { verb, hosts: wholeNumber("up", only(verb, args, 1)[0] ?? "3", { from: 1, to: 9 }) };
    case "down":
    case "status":
    case "heal":
    case "clean":
      only(verb, args, 0);
      return { verb };
    case "kill":
    case "start":
    case "pause":
    case "resume":
      return { verb, host: hostOf(verb, only(verb, args, 1)) };
    case "logs": {
      const lines = takeOption(args, "--lines");
      return {
        verb,
        host: hostOf(verb, only(verb, lines.rest, 1)),
        lines: wholeNumber("--lines", lines.value ?? "100", { from: 1, to: 1_000_000 }),
      };
    }
    case "ssh":
      return { verb, host: hostOf(verb, args), command: args.slice(1) };
    case "isolate": {
      const from = takeOption(args, "--from");
      const oneWay = from.rest.includes("--one-way");
      const others = from.rest.filter((argument) => argument !== "--one-way");
      const direction = oneWay ? "out" : "both";
      const host = hostOf(verb, only(verb, others, 1));
      return from.value === undefined
        ? { verb, host, direction }
        : { verb, host, from: from.value, direction };
    }
    default:
      throw new UsageError(verb === undefined ? "a command is missing" : `there is no command "${verb}"`);
  }
}

/** `--json` behind `ssh HOST` belongs to the command that runs there. */
function isPartOfSsh(args: string[], index: number): boolean {
  const words = args.slice(0, index).filter((argument) => argument !== "--json");
  return words[0] === "ssh" && words.length >= 2;
}

function takeOption(args: string[], name: string): { value?: string; rest: string[] } {
  const index = args.indexOf(name);
  if (index === -1) return { rest: args };
  const value = args[index + 1];
  if (value === undefined || value.startsWith("--")) throw new UsageError(`${name}: a value is missing`);
  return { value, rest: args.toSpliced(index, 2) };
}

function only(verb: string, args: string[], most: number): string[] {
  const surplus = args.find((argument, index) => argument.startsWith("--") || index >= most);
  if (surplus !== undefined) throw new UsageError(`${verb}: "${surplus}" is not understood`);
  return args;
}

function hostOf(verb: string, args: string[]): string {
  const [host] = args;
  if (host === undefined || host.startsWith("--"))
    throw new UsageError(`${verb}: the name of a host is missing`);
  return host;
}

function wholeNumber(what: string, text: string, range: { from: number; to: number }): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < range.from || value > range.to) {
    throw new UsageError(`${what}: expected a whole number from ${range.from} to ${range.to}, got "${text}"`);
  }
  return value;
}
