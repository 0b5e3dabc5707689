import { UserError } from "../errors";
import { type Connection, connectionName } from "./connection-args";
import { UnusableKey, usablePrivateKey } from "./private-key";

export interface Credentials {
  password?: string;
  privateKey?: string;
  passphrase?: string;
  agent?: string;
  /** Words for messages, e.g. `private key`. */
  kinds: string[];
}

/** What to log in with. The environment is read at each call, so a rotated agent socket is found. */
export function credentialsFor(connection: Connection, env: NodeJS.ProcessEnv = process.env): Credentials {
  const { password, privateKey, privateKeyPassword: passphrase } = connection;
  const agent =
    connection.agentSocketPath ?? (password || privateKey ? undefined : env.SSH_AUTH_SOCK || undefined);
  if (!password && !privateKey && !agent) {
    throw new UserError(
      `no credentials for ${connectionName(connection)}: give \`privateKey\`, \`password\` or \`agentSocketPath\`, ` +
        "or start an ssh-agent (SSH_AUTH_SOCK is not set)",
    );
  }
  const key = privateKey && keyOf(connection, privateKey);
  const kinds = [password && "password", privateKey && "private key", agent && "ssh-agent"].filter(
    (kind) => !!kind,
  );
  return { password, privateKey: key, passphrase, agent, kinds: kinds as string[] };
}

/** Values that must never be shown. */
export function secretsOf(connection: Connection): string[] {
  const { password, privateKey, privateKeyPassword, proxy } = connection;
  const own = [password, privateKey, privateKeyPassword].filter((secret) => secret !== undefined);
  return proxy ? [...own, ...secretsOf(proxy)] : own;
}

function keyOf(connection: Connection, privateKey: string): string {
  try {
    return usablePrivateKey(privateKey, connection.privateKeyPassword);
  } catch (error) {
    if (!(error instanceof UnusableKey)) throw error;
    throw new UserError(`cannot use privateKey of ${connectionName(connection)}: ${error.message}`);
  }
}
