/** A port of another host that must be reachable. */
export interface Target {
  host: string;
  address: string;
  port: number;
  protocol: "tcp" | "udp";
}

/** Ends what listens, also what a killed run left, and waits until it is gone: etcd needs the ports next. */
const STOP = `
stop() {
  [ -f "$1" ] || return 0
  for pid in $(cat "$1"); do
    kill "$pid" 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 40 ]; do tries=$((tries + 1)); sleep 0.05; done
  done
  rm -f "$1"
}`;

/**
 * Listens for a short time on every port that nobody listens on yet; `$1` address, `$2` pid file, then `tcp:7379` and
 * the like. The listeners end by themselves even if nobody stops them.
 */
export const LISTEN_SCRIPT = `${STOP}
address=$1 pids=$2; shift 2
stop "$pids"
: >"$pids"
for entry in "$@"; do
  protocol=\${entry%%:*} port=\${entry#*:}
  if [ "$protocol" = tcp ]; then
    [ -n "$(ss -Htln "sport = :$port")" ] && continue
    timeout 30 socat "TCP-LISTEN:$port,bind=$address,reuseaddr,fork" SYSTEM:true >/dev/null 2>&1 &
  else
    [ -n "$(ss -Huln "sport = :$port")" ] && { echo "busy $entry"; continue; }
    timeout 30 socat "UDP-RECVFROM:$port,bind=$address,reuseaddr,fork" SYSTEM:'cat >/dev/null; echo here' >/dev/null 2>&1 &
  fi
  echo $! >>"$pids"
done
for entry in "$@"; do
  protocol=\${entry%%:*} port=\${entry#*:} tries=0
  until [ -n "$(ss -Hln --"$protocol" "sport = :$port")" ]; do
    tries=$((tries + 1)); [ $tries -ge 50 ] && break
    sleep 0.05
  done
done
exit 0`;

export const STOP_LISTENING_SCRIPT = `${STOP}
stop "$1"`;

/**
 * Tries every target at the same time; prints those that did not answer. `$1`: own address; then `tcp:address:port`.
 * UDP has no end: without a number of bytes to read socat would wait on after the answer.
 */
export const REACH_SCRIPT = `
self=$1; shift
try() {
  protocol=\${1%%:*} target=\${1#*:}
  if [ "$protocol" = tcp ]; then
    timeout 8 socat -u OPEN:/dev/null "TCP:$target,bind=$self,connect-timeout=5" >/dev/null 2>&1 && return
  else
    for attempt in 1 2 3; do
      [ "$(echo ask | timeout 3 socat -t 1 - "UDP:$target,bind=$self,readbytes=5" 2>/dev/null)" = here ] && return
    done
  fi
  echo "$1"
}
for target in "$@"; do try "$target" & done
wait`;
