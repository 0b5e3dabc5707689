import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { quote, quoteArgv } from "../../../provider/ssh/quote";

describe("quoting of remote command lines", () => {
  it("leaves plain words as they are", () => {
    assert.equal(
      quoteArgv(["systemctl", "show", "--property=ActiveState", "a@b.service"]),
      "systemctl show --property=ActiveState a@b.service",
    );
  });

  it("quotes what a shell would interpret", () => {
    assert.equal(quote("a b"), "'a b'");
    assert.equal(quote("it's"), `'it'\\''s'`);
    assert.equal(quote(""), "''");
    assert.equal(quote("~"), "'~'");
  });

  it("brings odd words through a real shell unchanged", () => {
    const odd = [
      "",
      " ",
      "a'b",
      '"',
      "$HOME",
      "`id`",
      "$(id)",
      "a\nb",
      "\\",
      "\\n",
      "*",
      "~root",
      "#",
      "!",
      ";|&<>()",
      "ä 漢 🙂",
      "-n",
      "A=b",
      "{a,b}",
      "\t",
      "'",
      "''",
    ];
    const shown = execFileSync("sh", ["-c", `printf '%s\\0' ${quoteArgv(odd)}`]).toString("utf8");
    assert.deepEqual(shown.split("\0").slice(0, -1), odd);
  });

  it("refuses a NUL character", () => {
    assert.throws(() => quote("a\0b"), /NUL/);
  });
});
