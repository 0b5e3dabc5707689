/**
 * Calls `action` when the time is over and what had arrived by then was read: a program that could not run for a while,
 * as on a busy host, finds its timers due before it looks at its sockets, and would take replies that lie there for
 * missing. Returns what calls it off.
 */
export function atDeadline(ms: number, action: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // One turn of the event loop reads the bytes, another one ends the stream that they belong to.
    immediate = setImmediate(() => {
      immediate = setImmediate(action);
    });
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
