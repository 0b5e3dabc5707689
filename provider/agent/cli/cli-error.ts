/** What `container-ha` exits with. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** Ends the command: the message goes to standard error, `exitCode` to the shell. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: number = exitCodes.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CliError";
  }
}
