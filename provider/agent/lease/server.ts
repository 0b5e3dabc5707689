import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { parseJson } from "../../contract";
import { type Gate, isStanding, type Log, type StandingEvent } from "../env";
import { readLines } from "./lines";
import { type Message, type Request, requestSchema } from "./protocol";

/** Offers the gate on a local socket that only root may use. Resolves when it listens. */
export async function serveGate(o: {
  gate: Gate;
  path: string;
  log: Pick<Log, "warn">;
}): Promise<{ close(): void }> {
  const { gate } = o;
  const clients = new Set<Socket>();
  /** How the session stands, for a client that was not connected when it was told. */
  let standing: StandingEvent | null = null;

  gate.onEvent((event) => {
    if (isStanding(event)) standing = event;
    for (const client of clients) send(client, { event });
  });

  const server = createServer((socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    socket.on("error", () => socket.destroy());
    if (standing) send(socket, { event: standing });
    readLines(socket, (line) => {
      try {
        const request = parseJson(requestSchema, line, "the request");
        if (request.op === "adopt" && standing && standing.sid !== request.sid) standing = null;
        void answer(gate, socket, request);
      } catch (error) {
        o.log.warn(`Hung up on a client of the lease socket: ${(error as Error).message}`);
        socket.destroy();
      }
    });
  });

  rmSync(o.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    const mask = process.umask(0o177);
    server.once("error", reject).listen(o.path, resolve);
    process.umask(mask);
  });
  chmodSync(o.path, 0o600);
  return {
    close() {
      server.close();
      for (const client of clients) client.destroy();
    },
  };
}

async function answer(gate: Gate, socket: Socket, request: Request): Promise<void> {
  if (request.op === "ping") return gate.ping();
  try {
    send(socket, { id: request.id, ok: (await run(gate, request)) ?? null });
  } catch (error) {
    send(socket, { id: request.id, error: (error as Error).message });
  }
}

function run(gate: Gate, request: Exclude<Request, { op: "ping" }>): Promise<unknown> {
  switch (request.op) {
    case "adopt":
      return gate.adopt(request);
    case "configure":
      return gate.configure(request);
    case "join":
      return gate.join(request);
    case "leave":
      return gate.leave(request.mac);
    case "vouch":
      return gate.vouch(request);
    case "state":
      return gate.state();
  }
}

function send(socket: Socket, message: Message): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}
