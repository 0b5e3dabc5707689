import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { probeHttp, probeTcp } from "../../../../provider/agent/env/runtime/probe";

describe("probes", () => {
  const servers: Server[] = [];
  const listen = (server: Server) =>
    new Promise<number>((resolve) => {
      servers.push(server);
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const target = (port: number) => ({ address: "127.0.0.1", port, timeoutMs: 200, from: "127.0.0.1" });

  const failed = (fault: string) => ({ result: "failed", fault });

  it("find a listening port healthy and a closed one refused", async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    assert.deepEqual(await probeTcp(target(port)), { result: "healthy" });
    servers.pop()?.close();
    assert.deepEqual(await probeTcp(target(port)), failed(`TCP port ${port}: ECONNREFUSED`));
  });

  it("judge HTTP by its status", async () => {
    const port = await listen(
      createHttpServer((request, response) => {
        response.statusCode = request.url === "/ok" ? 204 : 503;
        response.end();
      }),
    );
    assert.deepEqual(await probeHttp({ ...target(port), path: "/ok" }), { result: "healthy" });
    assert.deepEqual(
      await probeHttp({ ...target(port), path: "/" }),
      failed(`HTTP / on port ${port}: status 503`),
    );
  });

  it("have no result where the host lacks the address to ask from", async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    const lost = { ...target(port), from: "169.254.99.99" };
    const unasked = (what: string) => ({ result: "unasked", why: `${what} on port ${port}: EADDRNOTAVAIL` });
    assert.deepEqual(await probeTcp(lost), { ...unasked("TCP"), why: `TCP port ${port}: EADDRNOTAVAIL` });
    assert.deepEqual(await probeHttp({ ...lost, path: "/" }), unasked("HTTP /"));
  });

  it("do not wait longer than they may for an application that accepts and says nothing", async () => {
    const silent: { destroy(): void }[] = [];
    const port = await listen(createServer((socket) => void silent.push(socket)));
    assert.deepEqual(
      await probeHttp({ ...target(port), path: "/" }),
      failed(`HTTP / on port ${port}: no answer within 0.2 s`),
    );
    for (const socket of silent) socket.destroy();
  });
});
