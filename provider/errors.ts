import { constants } from "node:os";

/**
 * Something its reader can act on. It is printed without a stack; the facts are fields, the origin is `cause`.
 * Messages and fields never hold a secret.
 */
export class UserError extends Error {
  /** True where doing the same again later may succeed without anybody changing anything. */
  readonly retryable: boolean = false;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.stack = `${this.name}: ${message}`;
  }
}

/** The host did not answer, or its address, port or proxy is wrong. */
export class HostUnreachable extends UserError {
  override readonly retryable: boolean;
  readonly host: string;
  readonly attempts: number;

  constructor(o: { host: string; attempts: number; message: string; retryable: boolean; cause?: unknown }) {
    super(o.message, { cause: o.cause });
    this.host = o.host;
    this.attempts = o.attempts;
    this.retryable = o.retryable;
  }
}

/** A connection that worked was lost. A command that was running may or may not have taken effect. */
export class LinkLost extends HostUnreachable {
  readonly during: string;

  constructor(o: { host: string; during: string; cause?: unknown }) {
    const why = o.cause instanceof Error ? `: ${o.cause.message}` : "";
    super({
      host: o.host,
      attempts: 1,
      message:
        `lost the connection to ${o.host} during \`${o.during}\`${why}. Whether it took effect is not known; ` +
        "check that the host is up, then run the same operation again: it continues where it stopped.",
      retryable: true,
      cause: o.cause,
    });
    this.during = o.during;
  }
}

/** The host shows another key than the one that was declared: another machine, a reinstalled one, or an attack. */
export class HostKeyMismatch extends UserError {
  readonly host: string;
  readonly expected: readonly string[];
  readonly seen: string;

  constructor(o: { host: string; expected: readonly string[]; seen: string; seenType: string }) {
    super(
      `the host key of ${o.host} is not the expected one: expected ${o.expected.join(" or ")}, ` +
        `seen ${o.seen} (${o.seenType}). Nothing was sent to it. If the host was reinstalled, compare with ` +
        "`for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done` on its console and then update `hostKey`; " +
        "otherwise another machine answers at this address.",
    );
    this.host = o.host;
    this.expected = o.expected;
    this.seen = o.seen;
  }
}

/** The host is there, but refuses the user or the credentials. */
export class AuthenticationFailed extends UserError {
  readonly host: string;
  readonly tried: readonly string[];

  constructor(o: { host: string; user: string; tried: readonly string[]; cause?: unknown }) {
    super(
      `${o.host} does not let user "${o.user}" in (tried: ${o.tried.join(", ")}). Check \`user\` and the credentials of ` +
        "the connection, that the public key is in the user's authorized_keys, and what sshd allows " +
        "(PermitRootLogin, PasswordAuthentication, AllowUsers).",
      { cause: o.cause },
    );
    this.host = o.host;
    this.tried = o.tried;
  }
}

/** Known reasons for which a command fails; `other` means that only its own words explain it. */
export type CommandFault =
  | "timeout"
  | "no-sudo"
  | "disk-full"
  | "command-not-found"
  | "permission-denied"
  | "other";

/** A command ran on a host and failed. */
export class CommandFailed extends UserError {
  override readonly retryable: boolean;
  readonly host: string;
  readonly label: string;
  readonly code: number | null;
  readonly signal: string | null;
  /** The last lines of what the command wrote, secrets removed. */
  readonly output: string;
  readonly fault: CommandFault;

  constructor(o: Omit<CommandFacts, "sudo" | "user"> & { message: string; fault: CommandFault }) {
    super(o.message);
    this.host = o.host;
    this.label = o.label;
    this.code = o.code;
    this.signal = o.signal;
    this.output = o.output;
    this.fault = o.fault;
    this.retryable = o.fault === "timeout";
  }
}

export interface CommandFacts {
  host: string;
  user: string;
  sudo: boolean;
  label: string;
  code: number | null;
  signal: string | null;
  output: string;
  timedOutAfterMs?: number;
}

/** The one place that reads a command's words: what failed, where, the last lines, and what to do about it. */
export function commandError(facts: CommandFacts): CommandFailed {
  const fault = faultOf(facts);
  const output = lastLines(facts.output);
  const parts = [`\`${facts.label}\` on ${facts.host} ${ending(facts)}${output ? `: ${output}` : ""}`];
  const advice = adviceFor(fault, facts);
  if (advice) parts.push(advice);
  return new CommandFailed({ ...facts, output, fault, message: parts.join("\n") });
}

function faultOf(facts: CommandFacts): CommandFault {
  if (facts.timedOutAfterMs !== undefined) return "timeout";
  for (const [fault, pattern] of FAULT_PATTERNS) if (pattern.test(facts.output)) return fault;
  if (facts.code === 127) return "command-not-found";
  return "other";
}

const FAULT_PATTERNS: [CommandFault, RegExp][] = [
  [
    "no-sudo",
    /sudo: (a password is|a terminal is|.*command not found)|env: .?sudo.?: No such file|is not in the sudoers file|is not allowed to (run sudo|execute)|may not run sudo/,
  ],
  ["disk-full", /No space left on device|Disk quota exceeded/],
  [
    "permission-denied",
    /permission denied|Operation not permitted|are you root\?|must be (run as )?(the )?(super-?user|root)/i,
  ],
];

function ending(facts: CommandFacts): string {
  if (facts.timedOutAfterMs !== undefined) return `did not end within ${facts.timedOutAfterMs / 1000} s`;
  if (facts.signal) return `was ended by ${facts.signal}`;
  if (facts.code === null) return "ended without an exit status";
  const signal = SIGNAL_NAMES.get(facts.code - 128);
  return `failed with exit status ${facts.code}${signal ? ` (${signal})` : ""}`;
}

/** A shell between sshd and the command turns a signal into status 128 + number. */
const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

function adviceFor(fault: CommandFault, facts: CommandFacts): string | undefined {
  switch (fault) {
    case "no-sudo":
      return `User "${facts.user}" may not use sudo without a password: allow it on the host ("${facts.user} ALL=(ALL) NOPASSWD: ALL" in a file under /etc/sudoers.d, package sudo installed) or connect as root.`;
    case "disk-full":
      return `A file system of ${facts.host} is full: see \`df -h\` and \`df -i\` there, make room, and run the same operation again.`;
    case "permission-denied":
      return facts.sudo || facts.user === "root"
        ? undefined
        : `User "${facts.user}" lacks the right to do this: connect as root, or set \`sudo: true\` for a user who may sudo without a password.`;
    case "command-not-found":
      return "The command is missing on the host: install its package, or let the Host resource install what is missing.";
    default:
      return undefined;
  }
}

const SHOWN_LINES = 8;
const SHOWN_LINE_LENGTH = 400;

function lastLines(text: string): string {
  const lines = text.trim().split("\n").slice(-SHOWN_LINES);
  return lines.map((line) => line.trimEnd().slice(0, SHOWN_LINE_LENGTH)).join("\n");
}
