import { paths } from "../contract";

/** systemd's name for what it mounts at `paths.state`: dashes of the path are written as \x2d. */
export const stateMount = "var-lib-container\\x2dha.mount";
export const stateMountFile = `/etc/systemd/system/${stateMount}`;

/** Puts the folder a group chose in the place of the standard one, before anything that needs it (RequiresMountsFor). */
export function stateMountUnit(folder: string): string {
  return `[Unit]
Description=container-ha state: ${folder} in the place of ${paths.state}

[Mount]
What=${folder}
Where=${paths.state}
Type=none
Options=bind

[Install]
WantedBy=local-fs.target
`;
}

/** Part of a script: prints, by its function \`fact\`, what is known of the state and of the folder \`$1\` that it may move to. */
export const STATE_FACTS = `
[ -f '${stateMountFile}' ] && fact stateFolder "$(sed -n 's/^What=//p' '${stateMountFile}')"
mountpoint -q ${paths.state} && fact stateMounted yes
filled() { [ -n "$(ls -A -- "$1" 2>/dev/null)" ]; }
filled ${paths.state} && fact stateFilled yes
[ -n "\${1:-}" ] && filled "$1" && fact folderFilled yes`;

/** `$1`: the folder. Its unit is in place. */
export const MOUNT_STATE_SCRIPT = `
set -eu
umask 077
mkdir -p -- "$1" ${paths.state}
systemctl daemon-reload
systemctl enable --quiet '${stateMount}'
systemctl start '${stateMount}' && exit 0
journalctl --unit '${stateMount}' --lines 5 --no-pager --output cat >&2
exit 1`;

/** Part of a script under \`set -e\`: undoes it, when the folder is empty. */
export const UNMOUNT_STATE = `
if [ -f '${stateMountFile}' ]; then
  folder=$(sed -n 's/^What=//p' '${stateMountFile}')
  systemctl disable --now --quiet '${stateMount}'
  # It may be a disk of its own.
  rmdir -- "$folder" 2>/dev/null || true
  rm -f '${stateMountFile}'
  systemctl daemon-reload
fi`;
