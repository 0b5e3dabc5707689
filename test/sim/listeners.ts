/** Who wants to hear of something. */
export interface Listeners<T> {
  add(listener: (value: T) => void): void;
  tell(value: T): void;
}

export function createListeners<T>(): Listeners<T> {
  const all: ((value: T) => void)[] = [];
  return {
    add: (listener) => {
      all.push(listener);
    },
    tell: (value) => {
      for (const listener of all) listener(value);
    },
  };
}
