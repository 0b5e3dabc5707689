import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { must } from "./programs.mjs";

const releases = "https://get.pulumi.com/releases/sdk";
const answerWithinMs = 5000;
const loadWithinMs = 300_000;

/** Fetches Pulumi's own build into `bin`. Returns nothing, or why it could not be had. */
export async function downloadPulumi({ version, bin, from = releases }) {
  const platform = `${process.platform}-${process.arch}`;
  const abort = new AbortController();
  let timer = setTimeout(
    () => abort.abort(new Error(`no answer within ${answerWithinMs} ms`)),
    answerWithinMs,
  );
  const unpacked = join(bin, "..", "unpacked");
  const archive = join(bin, "..", "pulumi.tar.gz");
  try {
    const answer = await fetch(`${from}/pulumi-v${version}-${platform}.tar.gz`, { signal: abort.signal });
    clearTimeout(timer);
    if (!answer.ok) return `status ${answer.status}`;
    timer = setTimeout(() => abort.abort(new Error(`not loaded within ${loadWithinMs} ms`)), loadWithinMs);
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(archive));
    mkdirSync(unpacked, { recursive: true });
    await must(["tar", "-xzf", archive, "-C", unpacked]);
    // Programs are in pulumi/, in some releases in pulumi/bin/.
    const folder = [join(unpacked, "pulumi/bin"), join(unpacked, "pulumi")].find((path) =>
      existsSync(join(path, "pulumi")),
    );
    if (folder === undefined) return "the archive holds no pulumi";
    for (const name of readdirSync(folder)) renameSync(join(folder, name), join(bin, name));
    await must([join(bin, "pulumi"), "version"], { environment: { PULUMI_SKIP_UPDATE_CHECK: "true" } });
    return undefined;
  } catch (error) {
    const cause = abort.signal.aborted ? abort.signal.reason : (error.cause ?? error);
    return cause.code ?? cause.message;
  } finally {
    clearTimeout(timer);
    rmSync(unpacked, { recursive: true, force: true });
    rmSync(archive, { force: true });
  }
}
