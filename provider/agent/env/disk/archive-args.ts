import { MANIFEST } from "./layout";

/** tar runs zstd itself and adds `-d` when it unpacks. */
const ZSTD = "zstd -1 -T2 -q";

/** Pack a generation's folder to standard output, the manifest first. */
export function packArgv(folder: string, entries: string[]): string[] {
  const rest = entries.filter((entry) => entry !== MANIFEST);
  return [
    "tar",
    "--create",
    "--file=-",
    `--use-compress-program=${ZSTD}`,
    `--directory=${folder}`,
    MANIFEST,
    ...rest,
  ];
}

/** Unpack standard input into a folder. Owners and permissions of the sender do not count here. */
export function unpackArgv(folder: string): string[] {
  return [
    "tar",
    "--extract",
    "--file=-",
    "--use-compress-program=zstd -q",
    "--no-same-owner",
    "--no-same-permissions",
    `--directory=${folder}`,
  ];
}
