import type { ImageSpec } from "../lab/image";

const ID = 999;

/** What an image needs to start as root, as most public images do, and to go on as a user of its own. */
export function withUser(user: string): Required<Pick<ImageSpec, "programs" | "files">> {
  const passwd = `root:x:0:0:root:/:/bin/sh\n${user}:x:${ID}:${ID}:${user}:/:/bin/sh\n`;
  return {
    programs: ["/bin/sh", "/usr/bin/install", "/usr/bin/setpriv"],
    files: {
      "/etc/passwd": { content: passwd },
      "/etc/group": { content: `root:x:0:\n${user}:x:${ID}:\n` },
    },
  };
}

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
