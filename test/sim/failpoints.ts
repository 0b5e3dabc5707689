/** Places in a program where a test strikes: each call of a port is one, by the name of its method. */
export interface Failpoints {
  /** Once, at the next call of this method. */
  at(method: string, strike: () => void): void;
  /** The same port, watched. */
  watch<T extends object>(port: T): T;
}

export function createFailpoints(): Failpoints {
  const waiting = new Map<string, () => void>();
  const reach = (method: string) => {
    const strike = waiting.get(method);
    waiting.delete(method);
    strike?.();
  };
  return {
    at: (method, strike) => {
      waiting.set(method, strike);
    },
    watch: (port) =>
      new Proxy(port, {
        get(target, method, receiver) {
          const member = Reflect.get(target, method, receiver);
          if (typeof member !== "function" || typeof method !== "string") return member;
          return (...args: unknown[]) => {
            reach(method);
            return member.apply(target, args);
          };
        },
      }),
  };
}
