/** The memory of a container: a counter that goes up by one in each millisecond in which it executes. */
export interface Memory {
  /** Cold starts begin a new life. */
  life: number;
  counter: number;
}

/** What a dump wrote. */
export interface Image extends Memory {
  /** Somebody changed a byte of it since. */
  altered: boolean;
}
