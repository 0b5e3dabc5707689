/** Beside the folders of a group: an operation that is refused leaves no folder behind. */
export const operationLock = "/run/container-ha-operation.lock";

/** Nobody else reads or writes the lock meanwhile. The folder is what is locked: no file stays. */
const ALONE = `lock=$1
exec 9<"\${lock%/*}"
flock 9`;

/**
 * Takes the lock `$1`, or renews it: prints nothing, or who holds it. `$2`: after how many seconds without a renewal it
 * is free, counted by the uptime, which no clock correction moves; `$3`: a holder that is known to be dead. Input: one
 * line about the new holder.
 */
export const TAKE_LOCK_SCRIPT = `
set -eu
umask 077
own=$(cat)
${ALONE}
read -r now rest </proc/uptime
now=\${now%.*}
if [ -f "$lock" ]; then
  { read -r holder; read -r seen; } <"$lock"
  if [ "$holder" != "$own" ] && [ "$holder" != "$3" ] && [ "$now" -lt $((seen + $2)) ]; then
    printf '%s\\n' "$holder"
    exit 0
  fi
fi
printf '%s\\n%s\\n' "$own" "$now" >"$lock.new"
mv -f "$lock.new" "$lock"`;

/** Gives the lock `$1` back, unless somebody else has it by now. Input: as above. */
export const RELEASE_LOCK_SCRIPT = `
own=$(cat)
${ALONE}
[ -f "$lock" ] && read -r holder <"$lock" && [ "$holder" = "$own" ] && rm -f "$lock"
exit 0`;
