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
