import { type HostFile, INSTALL_FILES_SCRIPT, installFilesInput } from "../commands/files";
import type { HostSession } from "../ssh/session";

/** Puts small files on a host in one go; resolves with the paths whose content changed. */
export async function installFiles(host: HostSession, files: readonly HostFile[]): Promise<Set<string>> {
  if (files.length === 0) return new Set();
  const { stdout } = await host.script(INSTALL_FILES_SCRIPT, {
    stdin: installFilesInput(files),
    label: `write ${files.map((file) => file.path).join(", ")}`,
  });
  return new Set(stdout.split("\n").filter((line) => line !== ""));
}
