import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INSTALL_FILES_SCRIPT, installFilesInput } from "../../../provider/commands/files";

describe("small files on a host", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "files-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const install = (files: Parameters<typeof installFilesInput>[0]) =>
    execFileSync("sh", ["-c", INSTALL_FILES_SCRIPT], { input: installFilesInput(files) }).toString();

  it("are written with their permissions into folders that only root can enter", () => {
    const path = join(folder, "etc/tls/host.key");
    assert.equal(install([{ path, content: "key\nof two lines é\n", mode: 0o600 }]), `${path}\n`);
    assert.equal(readFileSync(path, "utf8"), "key\nof two lines é\n");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, "etc/tls")).mode & 0o777, 0o700);
  });

  it("are reported only when their content changed, and leave no temporary file", () => {
    const file = { path: join(folder, "a"), content: "1" };
    const other = { path: join(folder, "b"), content: "" };
    install([file, other]);
    assert.equal(install([file, other]), "");
    assert.equal(install([{ ...file, content: "2" }, other]), `${file.path}\n`);
    assert.deepEqual(readdirSync(folder), ["a", "b"]);
  });

  it("never show their content in the script or in words", () => {
    assert.doesNotMatch(INSTALL_FILES_SCRIPT, /secret/);
    assert.equal(installFilesInput([{ path: "/x", content: "secret", mode: 0o600 }]), "0600 /x c2VjcmV0\n");
  });
});
