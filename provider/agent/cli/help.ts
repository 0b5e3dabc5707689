import { usageError } from "./arguments";
import { exitCodes } from "./cli-error";
import type { Command } from "./io";

interface Usage {
  synopsis: string;
  /** What it does, one sentence. */
  what: string;
  options: [string, string][];
  example: string;
}

const json: [string, string] = ["--json", "One JSON value for programs instead of text."];
const yes: [string, string] = ["--yes, -y", "Do not ask, for scripts."];

const usages: Record<string, Usage> = {
  status: {
    synopsis: "status [--json]",
    what: "Show the group's hosts and containers, and what is wrong with them.",
    options: [json],
    example: "container-ha status",
  },
  events: {
    synopsis: "events [--follow] [--limit N] [--json]",
    what: "Show what happened and why, oldest first.",
    options: [
      ["--follow, -f", "Go on with each new event until Ctrl-C."],
      ["--limit N, -n N", "How many past events, 1 to 10000. Default: 20."],
      ["--json", "One JSON object a line for programs."],
    ],
    example: "container-ha events --follow --limit 5",
  },
  checkpoint: {
    synopsis: "checkpoint NAME [--json]",
    what: "Take one generation of a container now and wait until its standbys hold it.",
    options: [json],
    example: "container-ha checkpoint redis",
  },
  failover: {
    synopsis: "failover NAME [--to HOST] [--yes] [--json]",
    what: "Let another host go on with a container from its last generation; what it did since is lost.",
    options: [
      ["--to HOST", "The host that takes it. Default: the best that holds the generation."],
      yes,
      json,
    ],
    example: "container-ha failover redis --to b",
  },
  fence: {
    synopsis: "fence HOST [--confirmed-off] [--yes] [--json]",
    what: "End a host's session, so that other hosts take its containers; it may own nothing until it begins anew.",
    options: [
      [
        "--confirmed-off",
        "You have seen that it is off: its containers are taken without waiting for its lease to end.",
      ],
      yes,
      json,
    ],
    example: "container-ha fence a --confirmed-off",
  },
  recover: {
    synopsis: "recover [--confirmed-off HOST]... [--yes] [--json]",
    what: "Rebuild a group whose majority of voters is gone for good from the voter of this host; says first what it assumes, loses and ends.",
    options: [
      [
        "--confirmed-off HOST",
        "You have seen that it is off: its containers are taken without waiting for its lease to end.",
      ],
      yes,
      json,
    ],
    example: "container-ha recover --confirmed-off b --confirmed-off c",
  },
  "fence-agent": {
    synopsis: "fence-agent AGENT FILE",
    what: "A fencing command for HaGroup made of a ClusterLabs fence agent: switches a machine off and succeeds when its device says that it is.",
    options: [
      ["AGENT", "Such as fence_ipmilan (Debian packages fence-agents-*)."],
      ["FILE", "Its options, one key=value a line, readable by root only; action is set by the command."],
    ],
    example: "container-ha fence-agent fence_ipmilan /etc/fencing/b.conf",
  },
  migrate: {
    synopsis: "migrate NAME --to HOST [--json]",
    what: "Move a running container to another host with its memory and its connections.",
    options: [["--to HOST", "A live member of the group."], json],
    example: "container-ha migrate redis --to ha2",
  },
  drain: {
    synopsis: "drain HOST [--partial] [--json]",
    what: "Move every container away from a host; where one has nowhere to go, nothing moves.",
    options: [["--partial", "Move those that can be moved all the same."], json],
    example: "container-ha drain ha1",
  },
  ctl: {
    synopsis: "ctl",
    what: "Send one JSON request from standard input to the agent and print its JSON reply, for programs.",
    options: [],
    example: `echo '{"op":"status"}' | container-ha ctl`,
  },
  version: {
    synopsis: "version",
    what: "Show the version.",
    options: [],
    example: "container-ha version",
  },
  help: {
    synopsis: "help [COMMAND]",
    what: "Explain the commands, or one of them.",
    options: [],
    example: "container-ha help events",
  },
};

const overview = `container-ha shows and steers the HA group that this host belongs to. Run it as root on any host.

Usage: container-ha COMMAND

${columns(Object.values(usages).map(({ synopsis, what }) => [synopsis, what]))}
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 the agent on this host is out of reach.
`;

export const help: Command = async (args, io) => {
  io.out(helpText(args[0]));
  return exitCodes.ok;
};

/** Text of `help` and of `COMMAND --help`. */
export function helpText(command?: string): string {
  if (command === undefined) return overview;
  const usage = Object.hasOwn(usages, command) ? usages[command] : undefined;
  if (!usage) throw usageError("", `There is no command "${command}"`);
  const options = usage.options.length > 0 ? `\n${columns(usage.options)}` : "";
  return `Usage: container-ha ${usage.synopsis}\n\n${usage.what}\n${options}\nExample: ${usage.example}\n`;
}

function columns(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join("");
}
