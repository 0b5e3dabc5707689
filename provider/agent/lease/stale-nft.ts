import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Ends the nft child that an earlier lease process left, if it still lives; resolves when it is gone. Throws when it
 * cannot be ended: nothing may be armed then.
 */
export async function killStaleNft(pidFile: string): Promise<void> {
  const pid = pidIn(pidFile);
  if (pid === null || !isNft(pid)) return;
  process.kill(pid, "SIGKILL");
  for (let tries = 0; isNft(pid); tries += 1) {
    if (tries >= 100) {
      throw new Error(
        `the nft process ${pid} of an earlier lease process does not end; end it, then start again`,
      );
    }
    await sleep(10);
  }
}

function pidIn(pidFile: string): number | null {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

/** A pid may have been given to another program meanwhile. A zombie has an empty command line. */
function isNft(pid: number): boolean {
  try {
    return /(^|\/|\0)nft\0/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  } catch {
    return false;
  }
}
