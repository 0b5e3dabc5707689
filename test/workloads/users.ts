import type { ImageSpec } from "../lab/image";

/** What an image needs to start as root, as most public images do, and to go on as a user of its own. */
export const withUsers: Required<Pick<ImageSpec, "programs" | "paths">> = {
  programs: ["/bin/sh", "/usr/bin/install", "/usr/bin/setpriv"],
  paths: ["/etc/passwd", "/etc/group"],
};

/** The user's folder lies in the container's own layer; `prepare` runs in it before each start, as that user. */
export function asUser(o: { user: string; folder: string; program: string; prepare?: string }): string[] {
  const become = `setpriv --reuid ${o.user} --regid ${o.user} --init-groups`;
  const lines = [
    "set -e",
    `install -d -o ${o.user} -g ${o.user} -m 700 ${o.folder}`,
    `cd ${o.folder}`,
    ...(o.prepare ? [`${become} sh -ec '${o.prepare}'`] : []),
    `exec ${become} ${o.program}`,
  ];
  return ["sh", "-c", lines.join("\n")];
}
