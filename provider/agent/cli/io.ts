import type { Voters } from "./no-quorum";
import type { Recovery } from "./recover/act";

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
  /** A file that only root may read; throws where others may. */
  readSecret(path: string): Promise<string>;
  /** Runs a program of this host with this on its standard input. */
  runProgram(program: string, input: string): Promise<{ code: number | null; stderr: string }>;
  sleep(ms: number): Promise<void>;
  /** Aborts when the person ends the command; from the first call on nothing else ends it. */
  interrupted(): AbortSignal;
  /** How the group's voters are; null: this host cannot tell. */
  voters(): Promise<Voters | null>;
  /** Why the agent's unit does not run here, for people; null: nothing is known. */
  agentUnit(): Promise<string | null>;
  /** Rebuilding the group from this host's voter. */
  recovery(): Recovery;
}

/** Serves one command's arguments; resolves with the exit code, throws CliError. */
export type Command = (args: string[], io: CliIo) => Promise<number>;
