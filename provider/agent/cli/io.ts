/** What a command may touch besides the agent. */
export interface CliIo {
  /** The agent's socket. */
  socketPath: string;
  /** Writes to standard output as it is, line ends included. */
  out(text: string): void;
  /** All of standard input. */
  readStdin(): Promise<string>;
  /** Asks the person; null: there is none (standard input is no terminal). */
  ask(question: string): Promise<string | null>;
  /** Aborts when the person ends the command; from the first call on nothing else ends it. */
  interrupted(): AbortSignal;
}

/** Serves one command's arguments; resolves with the exit code, throws CliError. */
export type Command = (args: string[], io: CliIo) => Promise<number>;
