import { isIP } from "node:net";
import { z } from "zod";
import { engineSchema, nameSchema, roleSchema } from "../contract";
import { HostUnreachable, UserError } from "../errors";
import { setExperimental } from "../preflight/docker";
import { type Facts, factsSchema } from "../preflight/facts";
import { installMissing } from "../preflight/install";
import { judge, type Needs, verdictLines } from "../preflight/judge";
import { observeHost } from "../preflight/observe";
import { type Context, defineResource } from "../resource";
import { connectionSchema } from "../ssh/connection-args";
import { secretsOf } from "../ssh/credentials";
import { type HostSession, withHost } from "../ssh/session";

const inputs = z.strictObject({
  name: nameSchema,
  connection: connectionSchema,
  address: z.string().refine((text) => isIP(text) !== 0, {
    error: (issue) =>
      `expected the IP address at which the other hosts reach this one (by default connection.host), got ${JSON.stringify(issue.input)}`,
  }),
  labels: z.record(z.string(), z.string()).default({}),
  role: roleSchema.default("member"),
  /** Of the group's business: it goes into the group's policy. */
  maintenance: z.boolean().default(false),
  engines: z.array(engineSchema).default(["podman"]),
  install: z.boolean().default(true),
});

const outputs = z.object({
  /** Without what changes by itself all the time. */
  facts: factsSchema.omit({ freeDiskMb: true, dockerDaemon: true }),
  /** `SHA256:...` of the key that the host showed. */
  hostKeyFingerprint: z.string(),
  /** Whether the host answered when it was last looked at. */
  reachable: z.boolean(),
});
type Outputs = z.infer<typeof outputs>;

export const hostHandlers = defineResource({
  kind: "Host",
  inputs,
  outputs,
  id: ({ name, address }) => `${name}@${address}`,
  replaceOn: ["name", "address"],
  secretInputs: ["connection"],
  secrets: ({ connection }) => secretsOf(connection),

  apply: ({ inputs: { connection, ...needs }, context }) =>
    withHost(connection, async (host) => {
      const facts = await makeReady({ host, needs, install: needs.install, context });
      return outputsOf(host, facts);
    }),

  async read({ inputs: { connection }, stored, context }) {
    try {
      return await withHost(connection, async (host) => outputsOf(host, await observeHost(host)), {
        deadlineMs: READ_DEADLINE_MS,
      });
    } catch (error) {
      // A dead host must not block the refresh of what runs elsewhere; it is never taken for gone.
      if (!(error instanceof HostUnreachable) || !stored.outputs.facts) throw error;
      context.log(`warning: ${error.message} Its last known facts are kept.`);
      return { ...stored.outputs, reachable: false } as Outputs;
    }
  },

  /** Packages stay installed: other things may have come to need them. Nothing else was put there. */
  async remove() {},
});

const READ_DEADLINE_MS = 20_000;

async function makeReady(o: {
  host: HostSession;
  needs: Needs;
  install: boolean;
  context: Context<Outputs>;
}): Promise<Facts> {
  const look = async () => {
    const facts = await observeHost(o.host, o.needs);
    return { facts, verdict: judge(facts, o.needs) };
  };
  let { facts, verdict } = await look();
  if (o.install && verdict.faults.length === 0 && verdict.missing.length > 0) {
    o.context.log(`installing ${verdict.missing.flatMap((entry) => entry.packages).join(", ")}`);
    await installMissing(o.host, verdict.missing);
    ({ facts, verdict } = await look());
  }
  if (o.install && verdict.faults.length + verdict.missing.length === 0 && verdict.experimental) {
    o.context.log('telling docker to restore checkpoints ("experimental": true), and restarting it');
    await setExperimental(o.host);
    ({ facts, verdict } = await look());
  }
  const lines = verdictLines(verdict);
  if (lines.length === 0) return facts;
  const advice =
    !o.install && (verdict.missing.length > 0 || verdict.experimental)
      ? ["install what is missing, or leave `install` at true"]
      : [];
  throw new UserError(
    [`${o.host.name} is not ready:`, ...lines.map((line) => `- ${line}`), ...advice].join("\n"),
  );
}

function outputsOf(
  host: HostSession,
  { freeDiskMb: _disk, dockerDaemon: _daemon, ...facts }: Facts,
): Outputs {
  return { facts, hostKeyFingerprint: host.hostKey.fingerprint, reachable: true };
}
