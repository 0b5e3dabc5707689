/** Asks the agent of the host: one JSON request on standard input, one JSON reply on standard output. */
export function ctl(): string[] {
  return ["container-ha", "ctl"];
}
