import { z } from "zod";
import { UserError } from "../errors";
import { parseHostKeys } from "./host-key";

/** How to reach a host over SSH. The names are those of @pulumi/command's connection. */
export interface ConnectionArgs {
  /** Name or address of the host. */
  host: string;
  /** User to log in as. @default "root" */
  user?: string;
  /** Port of sshd. @default 22 */
  port?: number;
  /** Password of the user (a secret). */
  password?: string;
  /** Private key in OpenSSH or PEM format, PKCS#8 among them: its text and not its path (a secret). */
  privateKey?: string;
  /** Passphrase of the private key (a secret). */
  privateKeyPassword?: string;
  /** Socket of an ssh-agent. @default SSH_AUTH_SOCK where neither password nor privateKey is given */
  agentSocketPath?: string;
  /**
   * Key of the host, checked before anything is sent: a public key (`ssh-ed25519 AAAA...`), a fingerprint
   * (`SHA256:...`) or known_hosts text (`ssh-keyscan HOST`); several lines are several allowed keys.
   * Required unless `insecure` is set.
   */
  hostKey?: string;
  /** How many dial errors end the attempt; -1 tries until the overall deadline. @default 10 */
  dialErrorLimit?: number;
  /** Seconds per dial attempt; 0 waits until the overall deadline. @default 15 */
  perDialTimeout?: number;
  /** A host to go through (a bastion), which may have a proxy itself. */
  proxy?: ConnectionArgs;
  /** Run every command through `sudo -n`; the user must be allowed to without a password. @default false */
  sudo?: boolean;
  /** Accept any host key. Whoever answers at the address then gets the credentials and commands. @default false */
  insecure?: boolean;
}

/** A checked connection with its defaults filled in. */
export interface Connection extends Omit<ConnectionArgs, "proxy"> {
  user: string;
  port: number;
  dialErrorLimit: number;
  perDialTimeout: number;
  sudo: boolean;
  insecure: boolean;
  proxy?: Connection;
}

export const connectionSchema: z.ZodType<Connection, ConnectionArgs> = z
  .strictObject({
    host: z
      .string()
      .regex(/^[^\s@/]+$/, "should be a host name or an IP address, without user, port or scheme"),
    user: z.string().min(1, "should be the name of a user").default("root"),
    port: z
      .int()
      .min(1, "should be a port (1 to 65535)")
      .max(65535, "should be a port (1 to 65535)")
      .default(22),
    password: z.string().min(1, "should not be empty").optional(),
    privateKey: z.string().min(1, "should not be empty").optional(),
    privateKeyPassword: z.string().optional(),
    agentSocketPath: z.string().min(1, "should be the path of an ssh-agent's socket").optional(),
    hostKey: z.string().optional(),
    dialErrorLimit: z
      .int()
      .refine((n) => n === -1 || n >= 1, "should be 1 or more, or -1 for no limit")
      .default(10),
    perDialTimeout: z.number().min(0, "should be a number of seconds, 0 or more").default(15),
    get proxy() {
      return connectionSchema.optional();
    },
    sudo: z.boolean().default(false),
    insecure: z.boolean().default(false),
  })
  .superRefine((connection, context) => {
    const problem = hostKeyProblem(connection);
    if (problem) context.addIssue({ code: "custom", path: ["hostKey"], message: problem });
  });

/** Checks a connection; the UserError names each wrong field, e.g. `connection.proxy.port: should be ...`. */
export function parseConnection(args: ConnectionArgs, path = "connection"): Connection {
  const parsed = connectionSchema.safeParse(args);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${[path, ...issue.path].join(".")}: ${issue.message}`);
  throw new UserError(problems.join("\n"));
}

/** `user@host`, with the port where it is not 22: how messages call a host. */
export function connectionName({ user, host, port }: { user: string; host: string; port: number }): string {
  return `${user}@${host}${port === 22 ? "" : `:${port}`}`;
}

function hostKeyProblem(connection: {
  host: string;
  port: number;
  hostKey?: string;
  insecure: boolean;
}): string | undefined {
  if (connection.hostKey === undefined) {
    if (connection.insecure) return undefined;
    return `is missing: give the public key of ${connection.host} (\`ssh-keyscan ${connection.host}\`, compared with the host's own), or set \`insecure: true\` to accept any key`;
  }
  if (connection.insecure) return "contradicts `insecure: true`: give one of them";
  try {
    parseHostKeys(connection.hostKey, connection);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
