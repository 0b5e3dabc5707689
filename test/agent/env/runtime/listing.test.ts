import assert from "node:assert/strict";
import type { RuntimeContext } from "../../../../provider/agent/env/runtime/context";
import type { Engine, Listed } from "../../../../provider/agent/env/runtime/engine";
import { createJobs } from "../../../../provider/agent/env/runtime/jobs";
import { list } from "../../../../provider/agent/env/runtime/listing";

const id = "9d7ee52b94cb92548f56bc4eafbef730bd82b02e1e1646a11bdfef07c38e322c";

/** What the listing needs of the runtime, on a host where nothing is recorded; `found`: podman's answer. */
function runtimeWith(found: () => Promise<Listed>, remove: (id: string) => Promise<void>) {
  const warnings: string[] = [];
  const engine = { list: found, remove } as Pick<Engine, "list" | "remove">;
  const log = { warn: (sentence: string) => warnings.push(sentence) };
  const context = {
    group: "g",
    host: "a",
    engines: { podman: engine, docker: engine },
    jobs: createJobs(),
    log,
  };
  return { context: context as unknown as RuntimeContext, warnings };
}

describe("What an agent finds on its host when it starts", () => {
  it("is nothing, and a warning, where the engine's answer cannot be used", async () => {
    const fails = () => Promise.reject(new Error("Unexpected token in JSON"));
    const { context, warnings } = runtimeWith(fails, async () => {});
    assert.deepEqual(await list(context), []);
    assert.match(warnings.join("\n"), /copies that podman has here were not listed: Unexpected token/);
  });

  it("is rid of a copy that cannot be protected, and says why", async () => {
    const unusable = [{ container: "odd", id, fault: "docker does not tell where its layer is" }];
    const removed: string[] = [];
    const { context, warnings } = runtimeWith(
      async () => ({ ids: [id], records: [], unusable }),
      async (id) => void removed.push(id),
    );
    assert.deepEqual(await list(context), []);
    assert.ok(removed.includes(id));
    assert.match(
      warnings.join("\n"),
      /odd: a copy here that cannot be protected is removed: docker does not tell/,
    );
  });

  it("keeps nobody from the others where the engine does not remove it", async () => {
    const unusable = [{ container: "odd", id, fault: "no layer" }];
    const { context, warnings } = runtimeWith(
      async () => ({ ids: [id], records: [], unusable }),
      () => Promise.reject(new Error("it hangs")),
    );
    assert.deepEqual(await list(context), []);
    assert.match(warnings.join("\n"), /odd: it was not removed: it hangs/);
  });
});
