/** What apt-get is told each time: no questions, existing configuration stays, waits for another apt-get. */
const APT = [
  "apt-get",
  "-y",
  "-q",
  "-o",
  "DPkg::Lock::Timeout=300",
  "-o",
  "Dpkg::Options::=--force-confdef",
  "-o",
  "Dpkg::Options::=--force-confold",
];

export const APT_ENV = { DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_MODE: "l" } as const;

export function aptUpdate(): string[] {
  return [...APT, "update"];
}

/** `suite`: take these packages and what they need from this configured suite. */
export function aptInstall(packages: readonly string[], options: { suite?: string } = {}): string[] {
  const from = options.suite ? ["-t", options.suite] : [];
  return [...APT, "--no-install-recommends", ...from, "install", "--", ...packages];
}

/**
 * Runs its arguments (an apt-get install) while a service of the package cannot start, and leaves it disabled:
 * Debian's packages start and enable their services by themselves. `$1` is the unit; one that was there before is left
 * as it is. The mask lies in /run: it tells a run that follows an interrupted one that the unit is the package's.
 */
export const INSTALL_WITHOUT_SERVICE_SCRIPT = `
unit=$1; shift
mask=/run/systemd/system/$unit
if [ ! -L "$mask" ]; then
  for dir in /etc/systemd/system /lib/systemd/system /usr/lib/systemd/system; do
    [ -e "$dir/$unit" ] && exec "$@"
  done
fi
systemctl mask --runtime --quiet "$unit" && "$@" || exit
systemctl stop "$unit" 2>/dev/null
systemctl disable --quiet "$unit" 2>/dev/null
systemctl unmask --runtime --quiet "$unit"`;
