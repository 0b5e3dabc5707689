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

  it("find a listening port healthy and a closed one refused", async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    assert.equal(await probeTcp(target(port)), null);
    servers.pop()?.close();
    assert.equal(await probeTcp(target(port)), `TCP port ${port}: ECONNREFUSED`);
  });

  it("judge HTTP by its status", async () => {
    const port = await listen(
      createHttpServer((request, response) => {
        response.statusCode = request.url === "/ok" ? 204 : 503;
        response.end();
      }),
    );
    assert.equal(await probeHttp({ ...target(port), path: "/ok" }), null);
    assert.equal(await probeHttp({ ...target(port), path: "/" }), `HTTP / on port ${port}: status 503`);
  });

  it("do not wait longer than they may for an application that accepts and says nothing", async () => {
    const silent: { destroy(): void }[] = [];
    const port = await listen(createServer((socket) => void silent.push(socket)));
    assert.equal(
      await probeHttp({ ...target(port), path: "/" }),
      `HTTP / on port ${port}: no answer within 0.2 s`,
    );
    for (const socket of silent) socket.destroy();
  });
});
