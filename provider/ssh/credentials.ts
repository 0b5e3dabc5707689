import { utils } from "ssh2";
import { UserError } from "../errors";
import { type Connection, connectionName } from "./connection-args";

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
  if (privateKey) checkPrivateKey({ connection, privateKey, passphrase });
  const kinds = [password && "password", privateKey && "private key", agent && "ssh-agent"].filter(
    (kind) => !!kind,
  );
  return { password, privateKey, passphrase, agent, kinds: kinds as string[] };
}

/** Values that must never be shown. */
export function secretsOf(connection: Connection): string[] {
  const { password, privateKey, privateKeyPassword, proxy } = connection;
  const own = [password, privateKey, privateKeyPassword].filter((secret) => secret !== undefined);
  return proxy ? [...own, ...secretsOf(proxy)] : own;
}

function checkPrivateKey(o: { connection: Connection; privateKey: string; passphrase?: string }): void {
  const parsed = utils.parseKey(o.privateKey, o.passphrase);
  if (!(parsed instanceof Error)) {
    const keys = Array.isArray(parsed) ? parsed : [parsed];
    if (keys[0]?.isPrivateKey()) return;
    throw new UserError(
      `privateKey of ${connectionName(o.connection)} is a public key; give the private one`,
    );
  }
  const why = /passphrase/i.test(parsed.message)
    ? "privateKeyPassword is missing or wrong"
    : "it should be the text of a private key in OpenSSH or PEM format, not a path";
  throw new UserError(`cannot read privateKey of ${connectionName(o.connection)}: ${why}`);
}
