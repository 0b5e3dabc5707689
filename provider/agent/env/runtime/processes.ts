import { readdirSync, readFileSync } from "node:fs";
import { signalProcess } from "../signal";

/** A process of this host and its command line as the kernel shows it: words, each ended by a null character. */
export interface Process {
  pid: number;
  commandLine: string;
}

/** Every process that runs now. */
export function listProcesses(): Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map((name) => ({ pid: Number(name), commandLine: commandLineOf(Number(name)) }));
}

/**
 * The one that runs this program with these arguments among its others; null: none does. For what an agent that died
 * has started: it may not have come to note the process id.
 */
export function findProcess(
  processes: readonly Process[],
  [program, ...words]: readonly string[],
): Process | null {
  const runsIt = ({ commandLine }: Process) => {
    const argv = commandLine.split("\0");
    return argv[0] === program && words.every((word) => argv.includes(word));
  };
  return processes.find(runsIt) ?? null;
}

/**
 * Kills what runs this program about the container of this id, and returns how many that were. The product starts
 * programs by their bare names, engines themselves by their paths.
 */
export function endCommandsAbout(program: string, id: string): number {
  const found = commandsAbout(listProcesses(), program, id);
  for (const { pid } of found) {
    signalProcess(pid, "SIGKILL");
  }
  return found.length;
}

export function commandsAbout(processes: readonly Process[], program: string, id: string): Process[] {
  return processes.filter(({ commandLine }) => {
    const argv = commandLine.split("\0").filter(Boolean);
    return argv[0] === program && argv.at(-1) === id;
  });
}

/** Whether it has not ended; its pid may have been given to another one meanwhile. */
export function isRunning({ pid, commandLine }: Process): boolean {
  return commandLineOf(pid) === commandLine;
}

/** Empty: of one that has ended. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
