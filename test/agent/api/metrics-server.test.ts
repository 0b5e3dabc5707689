import assert from "node:assert/strict";
import { startMetrics } from "../../../provider/agent/api/metrics-server";

describe("metrics server", () => {
  const address = "127.0.0.1";

  it("serves the text of the moment at /metrics only", async () => {
    let scrapes = 0;
    const server = await startMetrics({ address, port: 0, text: async () => `scrapes ${++scrapes}\n` });
    try {
      const url = `http://${address}:${server.port}`;
      const answer = await fetch(`${url}/metrics`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
      assert.equal(await answer.text(), "scrapes 1\n");
      assert.equal((await fetch(`${url}/`)).status, 404);
      assert.equal((await fetch(`${url}/metrics`, { method: "POST" })).status, 404);
      assert.equal(await (await fetch(`${url}/metrics`)).text(), "scrapes 2\n");
    } finally {
      await server.close();
    }
  });

  it("fails the scrape, not the agent, when the text cannot be made", async () => {
    const text = () => Promise.reject(new Error("The store did not answer."));
    const server = await startMetrics({ address, port: 0, text });
    try {
      const answer = await fetch(`http://${address}:${server.port}/metrics`);
      assert.equal(answer.status, 503);
      assert.equal(await answer.text(), "The store did not answer.\n");
    } finally {
      await server.close();
    }
  });

  it("names address and port when the port is taken", async () => {
    const text = async () => "";
    const server = await startMetrics({ address, port: 0, text });
    try {
      await assert.rejects(startMetrics({ address, port: server.port, text }), {
        message: new RegExp(`^Cannot serve metrics on 127.0.0.1 port ${server.port}: .*EADDRINUSE`),
      });
    } finally {
      await server.close();
    }
  });
});
