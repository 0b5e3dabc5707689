import { connect } from "node:net";

/** A TCP connection on which one question follows the other. Every method rejects once the connection is lost. */
export interface Exchange {
  /** Sends text and collects what comes until `complete` makes an answer of it. */
  ask<T>(question: string, complete: (text: string) => T | null): Promise<T>;
  close(): void;
}

export const CONNECT_MS = 500;
/** A session that is being moved answers late, and is none the worse for it. */
export const PATIENCE_MS = 30_000;

export function openExchange(host: string, port: number): Promise<Exchange> {
  const socket = connect({ host, port, noDelay: true });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection in ${CONNECT_MS} ms`)),
      CONNECT_MS,
    );
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("connection closed")));
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve({
        ask(question, complete) {
          return new Promise((answer, fail) => {
            let text = "";
            const late = setTimeout(
              () => socket.destroy(new Error(`no answer in ${PATIENCE_MS} ms`)),
              PATIENCE_MS,
            );
            const onData = (chunk: Buffer) => {
              text += chunk.toString("latin1");
              try {
                const whole = complete(text);
                if (whole !== null) end(() => answer(whole));
              } catch (error) {
                end(() => fail(error));
              }
            };
            const onClose = () => end(() => fail(new Error("connection closed")));
            const end = (settle: () => void) => {
              clearTimeout(late);
              socket.off("data", onData).off("close", onClose);
              settle();
            };
            if (socket.destroyed) return onClose();
            socket.on("data", onData).on("close", onClose);
            socket.write(question);
          });
        },
        close: () => socket.destroy(),
      });
    });
    socket.on("error", () => undefined);
  });
}

/** The first line without its end; null while it is not complete. */
export function firstLine(text: string): string | null {
  const end = text.indexOf("\n");
  return end < 0 ? null : text.slice(0, end).trimEnd();
}
