export const systemd = {
  reload: (): string[] => ["systemctl", "daemon-reload"],
  /** From the next boot on; the running systemd knows of it after a reload. */
  enable: (units: readonly string[]): string[] => ["systemctl", "enable", "--quiet", "--no-reload", ...units],
  /** `wait: false`: returns while the unit is still starting. */
  start: (unit: string, o: { wait: boolean }): string[] => [
    "systemctl",
    "start",
    ...(o.wait ? [] : ["--no-block"]),
    unit,
  ],
  restart: (unit: string, o: { wait: boolean }): string[] => [
    "systemctl",
    "restart",
    ...(o.wait ? [] : ["--no-block"]),
    unit,
  ],
  /** Also forgets an earlier failure, so that a start limit does not hold back the next start. */
  resetFailed: (unit: string): string[] => ["systemctl", "reset-failed", unit],
  /** The last words of a unit, for messages. */
  journal: (unit: string, lines: number): string[] => [
    "journalctl",
    "--unit",
    unit,
    "--lines",
    String(lines),
    "--no-pager",
    "--output",
    "cat",
  ],
};

/** Exit code 0 where a service may have real-time priority: asked with a unit, as that is what will run. */
export function probeRealtime(): string[] {
  return [
    "systemd-run",
    "--quiet",
    "--wait",
    "--collect",
    "--property=CPUSchedulingPolicy=rr",
    "--property=CPUSchedulingPriority=10",
    "true",
  ];
}
