import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { atDeadline } from "../../../../provider/agent/env/etcd/deadline";

/** Answers each byte at once, on a thread of its own. */
const SERVER = `
  const server = require("node:net").createServer((socket) => socket.on("data", (chunk) => socket.write(chunk)));
  server.listen(0, "127.0.0.1", () => require("node:worker_threads").parentPort.postMessage(server.address().port));
`;

/** As a host does that has no processor to spare: nothing of this thread runs. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("A deadline for a reply", () => {
  it("is not missed by a reply that came in time while the program could not run", async () => {
    const server = new Worker(SERVER, { eval: true });
    const [port] = await once(server, "message");
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      const outcome = new Promise((resolve) => {
        const callOff = atDeadline(50, () => resolve("no reply"));
        socket.on("data", () => {
          callOff();
          resolve("reply");
        });
      });
      socket.write("?");
      setImmediate(() => standStill(1000));
      assert.equal(await outcome, "reply");
    } finally {
      socket.destroy();
      await server.terminate();
    }
  });

  it("is over when no reply came", async () => {
    await new Promise<void>((resolve) => atDeadline(10, resolve));
  });
});
