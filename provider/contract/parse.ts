import type { z } from "zod";

/** One thing that is wrong with an input: where it stands, what was expected and what was found there. */
export interface InputFault {
  /** `hosts[1].connection.port`; empty for the value as a whole. */
  path: string;
  message: string;
}

/** Validates `value` and returns either the parsed value or every fault, each with its path. Never throws. */
export function check<T>(
  schema: z.ZodType<T>,
  value: unknown,
): { ok: true; value: T } | { ok: false; faults: InputFault[] } {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, faults: result.error.issues.flatMap((issue) => faultsOf(issue, value)) };
}

/** Validates `value`; throws an Error that lists every fault as `path: expectation`, `what` naming the input. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = check(schema, value);
  if (result.ok) return result.value;
  throw new Error(`${what} is not valid: ${result.faults.map(faultText).join("; ")}`);
}

/** Parses JSON text and validates it; `what` names the text in errors (`/etc/container-ha/group.json`). */
export function parseJson<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is not JSON: ${(error as Error).message}`);
  }
  return parse(schema, value, what);
}

export function faultText(fault: InputFault): string {
  return fault.path ? `${fault.path}: ${fault.message}` : fault.message;
}

/** `["hosts", 1, "port"]` -> `hosts[1].port`. */
export function pathText(path: ReadonlyArray<PropertyKey>): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text ? `${text}.${String(part)}` : String(part);
  }, "");
}

function faultsOf(issue: z.core.$ZodIssue, root: unknown): InputFault[] {
  const path = pathText(issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: pathText([...issue.path, key]), message: "unknown key" }));
  }
  // The message of a custom check or of a schema with its own error text already is a sentence.
  if (issue.code === "custom") return [{ path, message: issue.message }];
  const got = shown(valueAt(root, issue.path));
  if (issue.code === "invalid_union") {
    const branches = issue.errors.flat().map((inner) => inner.message);
    const expected = issue.message === "Invalid input" ? branches.join(" or ") : issue.message;
    return [{ path, message: `${expected}, got ${got}` }];
  }
  const text = issue.message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
  return [{ path, message: `${text}, got ${got}` }];
}

function valueAt(root: unknown, path: ReadonlyArray<PropertyKey>): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      value !== null && typeof value === "object" ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    root,
  );
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
