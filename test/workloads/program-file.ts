import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../lab/paths";

/** A program of this folder as a file of an image; programs are not compiled, so they are read from the checkout. */
export function programFile(name: string): { content: string } {
  return { content: readFileSync(join(checkout, "test/workloads/programs", name), "utf8") };
}
