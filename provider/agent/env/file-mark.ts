import type { BigIntStats } from "node:fs";

/**
 * Another one as soon as the file is another or was written: every write changes the time of the inode's last change,
 * which no program can set. safety: taken before what it stands for is read, whatever is written meanwhile shows.
 */
export function fileMark({ dev, ino, size, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, ctimeNs].join(" ");
}
