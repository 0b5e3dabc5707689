/** Skips the test, or from a `before` hook the whole suite, with a reason that the final summary prints. */
export function skipBecause(context: Mocha.Context, reason: string): never {
  const running = context.test!;
  const isHook = "type" in running && running.type === "hook";
  Object.assign(isHook ? running.parent! : running, { skipReason: reason });
  context.skip();
}
