/** The writable layer with owners, modes, whiteouts and overlay attributes. */
export const tar = {
  pack: ({ folder, file }: { folder: string; file: string }) => [
    "tar",
    ...exactly,
    // Names a file of this host's lower layers; it means nothing elsewhere.
    "--xattrs-exclude=trusted.overlay.origin",
    "--sparse",
    "--directory",
    folder,
    "--create",
    "--file",
    file,
    ".",
  ],
  /** Whether all of a frozen container was packed: it changes nothing then, but CRIU makes folders in its /tmp. */
  isPacked: ({ code, stderr }: { code: number | null; stderr: string }) =>
    code === 0 || (code === 1 && stderr.trim().split("\n").every(isOfFolders)),
  unpack: ({ folder, file }: { folder: string; file: string }) => [
    "tar",
    ...exactly,
    "--same-owner",
    "--same-permissions",
    "--directory",
    folder,
    "--extract",
    "--file",
    file,
  ],
};

const exactly = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls"];

function isOfFolders(line: string): boolean {
  return /: (file changed as we read it|File removed before we read it)$/.test(line);
}
