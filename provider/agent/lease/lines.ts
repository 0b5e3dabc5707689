import type { Socket } from "node:net";

/** A line longer than this is no message of ours. */
const LONGEST_LINE = 1_000_000;

/** Calls `onLine` for each complete line that arrives; ends the connection at a line that is too long. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (rest.length > LONGEST_LINE) socket.destroy();
    for (const line of lines) if (!socket.destroyed) onLine(line);
  });
}
