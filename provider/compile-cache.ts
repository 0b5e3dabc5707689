import * as nodeModule from "node:module";

/**
 * Node keeps what it compiled (`NODE_COMPILE_CACHE`) when a process exits; the engine kills the one that runs these
 * handlers, so without this every `up` would compile them, zod and ssh2 anew. Does nothing where there is no such cache,
 * and in a Node (before 22.10) that cannot.
 */
export function keepCompiled(): void {
  const { flushCompileCache }: Partial<typeof nodeModule> = nodeModule;
  flushCompileCache?.();
}
