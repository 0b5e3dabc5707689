import type { Places } from "./places";

/**
 * CRIU's configuration of one container, which replaces /etc/criu/runc.conf for it (annotation `org.criu.config`) and
 * overrides what runc asks for.
 */
export type CriuPurpose =
  | { kind: "dump" }
  | { kind: "restore"; images: string; work: string; holdScript: string; tcp: "close" | "established" };

/** The largest deleted but still open file that goes into the images. */
const GHOST_LIMIT = "64M";

export function criuConfig(purpose: CriuPurpose): string {
  const lines = [
    // No rules of CRIU's: dropped packets would cost the clients their retransmission timeouts at every checkpoint. A
    // crash never restores established connections, and a planned move closes the gate before its dump.
    "network-lock skip",
    // The cgroup's path holds the container's id, which differs on every host: engine and runc make the right one.
    // With a blank instead of `=` CRIU takes the word for a file name and uses its default mode.
    "manage-cgroups=ignore",
    "file-locks",
    // A client that is just connecting must not make the checkpoint fail; it connects again.
    "skip-in-flight",
    `ghost-limit ${GHOST_LIMIT}`,
  ];
  if (purpose.kind === "dump") return text([...lines, "tcp-established"]);
  return text([
    ...lines,
    purpose.tcp === "established" ? "tcp-established" : "tcp-close",
    // CRIU reads the generation where it lies: the engine gets only the two small files that it looks at itself.
    `images-dir ${path(purpose.images)}`,
    `work-dir ${path(purpose.work)}`,
    `action-script ${path(purpose.holdScript)}`,
  ]);
}

/**
 * Action script: keeps the restored container before its first instruction for as long as the pipe is there, or until
 * the container is killed. That the pipe is gone is the release, since it can be looked at again; a byte that is written
 * into it only ends the wait at once, and bash loses one that arrives while its time limit fires.
 */
export function holdScript({ gatePipe, held }: Pick<Places, "gatePipe" | "held">): string {
  return `#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = pre-resume ] && [ -p ${path(gatePipe)} ] || exit 0
exec /bin/bash -c '
  exec 3<>"$1"
  echo "$CRTOOLS_INIT_PID" >"$2"
  until read -r -t 0.05 -u 3 || [ ! -p "$1" ] || ! kill -0 "$CRTOOLS_INIT_PID" 2>/dev/null; do :; done
' hold ${path(gatePipe)} ${path(held)} 2>/dev/null
`;
}

function path(value: string): string {
  if (!/^\/[\w./:-]+$/.test(value)) throw new Error(`"${value}" cannot be written into CRIU's configuration`);
  return value;
}

function text(lines: string[]): string {
  return `${lines.join("\n")}\n`;
}
