import { paths } from "../contract";
import { currentApp, FINGERPRINT } from "./agent-units";

/** Where the parts of one release lie on a host. */
export function releaseFolders({ hash, runtimeVersion }: { hash: string; runtimeVersion: string }) {
  return { app: `${paths.lib}/app/${hash}`, runtime: `${paths.lib}/runtime/${runtimeVersion}/bin` };
}

export const unitFolder = "/etc/systemd/system";

export function makeFolders(folders: readonly string[]): string[] {
  return ["mkdir", "-p", "--", ...folders];
}

/** What only root may look into: generations hold the memory of containers. */
export function makePrivateFolders(): string[] {
  return ["install", "-d", "-m", "0700", "--", paths.store, paths.images];
}

/** Ties a release's bundles to its runtime, so that switching one link switches both. */
export function linkRuntime(release: { hash: string; runtimeVersion: string }): string[] {
  return [
    "ln",
    "-sfnT",
    "--",
    `../../runtime/${release.runtimeVersion}/bin/node`,
    `${releaseFolders(release).app}/node`,
  ];
}

/** Script; `$1` is the release's hash. The link is replaced by a rename: there is never none. */
export const switchRelease = `
set -eu
ln -sfnT -- "$1" ${currentApp}.new
mv -fT -- ${currentApp}.new ${currentApp}
sync -- ${paths.lib}/app`;

/** Script; `$1`: hash, `$2`: runtime version. Deletes every other release. */
export const removeOtherReleases = `
set -eu
find ${paths.lib}/app -mindepth 1 -maxdepth 1 ! -name current ! -name "$1" -exec rm -rf -- {} +
find ${paths.lib}/runtime -mindepth 1 -maxdepth 1 ! -name "$2" -exec rm -rf -- {} +`;

/**
 * Script; its arguments are units. One line for each: active state, enabled state and the fingerprint of the running
 * process (`-`: none).
 */
export const observeUnits = `
for unit; do
  state=$(systemctl show --property=ActiveState --value -- "$unit")
  enabled=$(systemctl is-enabled -- "$unit" 2>/dev/null) || enabled=no
  pid=$(systemctl show --property=MainPID --value -- "$unit")
  print=-
  if [ "$pid" -gt 0 ] 2>/dev/null; then
    print=$(tr '\\0' '\\n' 2>/dev/null </proc/"$pid"/environ | sed -n 's/^${FINGERPRINT}=//p')
  fi
  echo "$unit $state $enabled \${print:--}"
done`;

export interface UnitState {
  active: boolean;
  enabled: boolean;
  fingerprint: string | null;
}

/** Reads what `observeUnits` printed. */
export function parseUnitStates(text: string): Map<string, UnitState> {
  const lines = text.trim().split("\n").filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [unit = "", state, enabled, fingerprint] = line.split(" ");
      const facts = { active: state === "active", enabled: enabled === "enabled" };
      return [unit, { ...facts, fingerprint: fingerprint && fingerprint !== "-" ? fingerprint : null }];
    }),
  );
}
