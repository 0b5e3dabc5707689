import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Session } from "./exec";

export interface Forward {
  /** Port on 127.0.0.1 of this machine. */
  readonly port: number;
  close(): void;
}

/** Makes a TCP port that the host can reach reachable here, through the host's connection. */
export async function openForward(
  session: Session,
  target: { host: string; port: number },
): Promise<Forward> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    join(session, target, socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function join(session: Session, target: { host: string; port: number }, socket: Socket): Promise<void> {
  const { client } = await session.link();
  await new Promise<void>((resolve, reject) => {
    client.forwardOut("127.0.0.1", 0, target.host, target.port, (error, channel) => {
      if (error) return reject(error);
      channel.on("error", () => socket.destroy());
      channel.on("close", () => socket.destroy());
      socket.on("close", () => channel.close());
      socket.pipe(channel).pipe(socket);
      resolve();
    });
  });
}
