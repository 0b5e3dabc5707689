/** A small file to be put on a host. */
export interface HostFile {
  path: string;
  content: string;
  /** @default 0644 */
  mode?: number;
}

/**
 * Reads `mode path base64` lines from standard input and puts each file in place: temporary name, sync, rename. Prints
 * the path of every file that was not there with this content. Folders under /etc/container-ha are private to root.
 */
export const INSTALL_FILES_SCRIPT = `
set -eu
umask 077
while read -r mode path data; do
  dir=$(dirname -- "$path")
  mkdir -p -- "$dir"
  tmp="$dir/.$(basename -- "$path").new"
  printf %s "$data" | base64 -d >"$tmp"
  if cmp -s -- "$tmp" "$path"; then
    chmod -- "$mode" "$path"
    rm -f -- "$tmp"
  else
    chmod -- "$mode" "$tmp"
    sync -- "$tmp"
    mv -fT -- "$tmp" "$path"
    sync -- "$dir"
    printf '%s\\n' "$path"
  fi
done`;

export function installFilesInput(files: readonly HostFile[]): string {
  return files
    .map(({ path, content, mode = 0o644 }) => {
      const data = Buffer.from(content, "utf8").toString("base64");
      return `${mode.toString(8).padStart(4, "0")} ${path} ${data}\n`;
    })
    .join("");
}
