import { UserError } from "../errors";

/** One word for a POSIX shell, exactly as given: nothing in it is expanded or split. */
export function quote(word: string): string {
  if (word.includes("\0"))
    throw new UserError("a command argument contains a NUL character, which no command can receive");
  if (PLAIN.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line that a POSIX shell splits into exactly these words. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(quote).join(" ");
}

const PLAIN = /^[A-Za-z0-9_./:@%+,=-]+$/;
