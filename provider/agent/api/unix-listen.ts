import { unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";

/**
 * Listens on a unix socket that only its owner may use (0600). A socket file that a crash left behind is replaced;
 * throws when another process still answers on it.
 */
export async function listenUnix(server: Server, socketPath: string): Promise<void> {
  try {
    await listenOnce(server, socketPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cannot(socketPath, error);
    if (await answers(socketPath)) {
      throw new Error(
        `Cannot listen on ${socketPath}: another process answers there. Stop it before starting a second one.`,
      );
    }
    await unlink(socketPath);
    await listenOnce(server, socketPath).catch((second) => {
      throw cannot(socketPath, second);
    });
  }
}

function listenOnce(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // The socket is bound within this call, so there is no moment in which others may connect.
    const before = process.umask(0o177);
    try {
      server.listen(socketPath, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function cannot(socketPath: string, error: unknown): Error {
  return new Error(`Cannot listen on ${socketPath}: ${(error as Error).message}.`, { cause: error });
}
