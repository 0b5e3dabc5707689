import { notePulledImage } from "../commands/agent-removal";
import { parse, paths, pullReplySchema } from "../contract";
import { askMember, GroupRefused, GroupUnavailable } from "../control";
import { HostUnreachable, UserError } from "../errors";
import type { GroupHandle } from "../group-handle";
import { withHost } from "../ssh/session";
import { imageReference } from "./container-image";
import type { ContainerInputs } from "./container-spec";

const PULL_MS = 600_000;

/**
 * Makes the image present on every one of these hosts, before anything is declared to the group. A host that dies
 * meanwhile is left out: its agent fetches the image when it is back.
 */
export async function ensureImages(o: {
  inputs: Pick<ContainerInputs, "image" | "engine" | "tmpfs" | "handle">;
  hosts: string[];
  log: (line: string) => void;
}): Promise<void> {
  const members = o.inputs.handle.members.filter(({ name }) => o.hosts.includes(name));
  const outcomes = await Promise.allSettled(members.map((member) => ensureOnce(member, o)));
  const faults = outcomes.flatMap((outcome, index) => {
    if (outcome.status === "fulfilled") return [];
    const { reason } = outcome;
    const host = members[index]!.name;
    if (reason instanceof HostUnreachable || reason instanceof GroupUnavailable) {
      o.log(`warning: the image was not brought to ${host}: ${reason.message}`);
      return [];
    }
    if (reason instanceof GroupRefused) return [`${host}: ${reason.message}`];
    throw reason;
  });
  if (faults.length > 0) {
    throw new UserError(`image: the engine cannot get it, and nothing was started:\n${faults.join("\n")}`);
  }
  const volumes = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value : []));
  refuseVolumes(o.inputs, [...new Set(volumes)]);
}

/** A tmpfs that is declared at such a path takes the volume's place, and goes into each generation. */
function refuseVolumes(
  { engine, tmpfs }: Pick<ContainerInputs, "engine" | "tmpfs">,
  volumes: string[],
): void {
  const outside = volumes.filter((path) => !(path in tmpfs));
  if (outside.length === 0) return;
  const instead = outside.map((path) => `${JSON.stringify(path)}: ""`).join(", ");
  throw new UserError(
    `image: it declares a VOLUME at ${outside.join(", ")}, and ${engine} keeps that outside of the container's layer: ` +
      "memory and files would disagree after a crash, and the files be missing on another host. Nothing was started. " +
      `Ways out: engine: "podman", which keeps it in the layer; tmpfs: { ${instead} }, which goes into each ` +
      "generation; or an image without VOLUME",
  );
}

/** What this process, which lives for one run of Pulumi, has brought to a host, or is bringing there. */
const brought = new Map<string, Promise<string[]>>();

/** Many containers of one image ask for it once. An agent looks again for what it starts. */
function ensureOnce(
  member: GroupHandle["members"][number],
  o: Parameters<typeof ensureImages>[0],
): Promise<string[]> {
  const { handle, engine, image } = o.inputs;
  const key = JSON.stringify([handle.group, member.name, engine, image]);
  const known = brought.get(key);
  if (known) return known;
  const bringing = ensureImage(member, o);
  brought.set(key, bringing);
  bringing.catch(() => brought.delete(key));
  return bringing;
}

async function ensureImage(
  member: GroupHandle["members"][number],
  { inputs, log }: Parameters<typeof ensureImages>[0],
): Promise<string[]> {
  const { engine } = inputs;
  const { image, archive } = imageReference(inputs.image);
  await withHost(member.connection, async (host) => {
    if (typeof inputs.image === "string") {
      await host.script(notePulledImage, {
        args: [engine, image],
        label: "look for the image",
        timeoutMs: 60_000,
      });
      return;
    }
    const path = `${paths.images}/${archive}.tar`;
    const content = { file: inputs.image.archive };
    const { changed, sha256 } = await host.upload({ path, content, mode: 0o600, compress: true });
    if (sha256 !== archive) {
      throw new UserError(
        `image.archive: ${inputs.image.archive} was changed since the plan was made; run it again`,
      );
    }
    if (changed) log(`uploaded the image archive to ${member.name}`);
  });
  const request = { op: "pull" as const, engine, image, archive };
  const reply = await askMember(member, request, { timeoutMs: PULL_MS });
  return parse(pullReplySchema, reply, `what ${member.name} says of the image`).volumes;
}
