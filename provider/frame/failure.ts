import { UserError } from "../errors";
import { scrub } from "../ssh/scrub";

/** What a person reads about a failure: no stack for what they can act on, the first lines of it for a defect. */
export function failureText(o: { subject: string; error: unknown; secrets: readonly string[] }): string {
  return scrub(`${o.subject}: ${explain(o.error)}`, o.secrets);
}

/** An error whose printed form is its message alone: the dynamic provider prints `${error}: ${error.stack}`. */
export function plainError(message: string): Error {
  const error = new Error(message);
  error.name = "";
  error.stack = "";
  return error;
}

/**
 * Tells the engine that the resource exists but is not finished: it is kept in the state with `properties`, which
 * must carry `__provider` (else refresh and destroy fail), and the next `up` updates it.
 */
export function partialFailure(o: {
  message: string;
  id: string;
  properties: Record<string, unknown>;
}): Error {
  return Object.assign(plainError(o.message), { id: o.id, properties: o.properties, reasons: [o.message] });
}

function explain(error: unknown): string {
  if (error instanceof UserError) return error.message;
  if (error instanceof AggregateError) return error.errors.map(explain).join("\n");
  if (!(error instanceof Error)) return `unexpected failure: ${String(error)}`;
  const origin = (error.stack ?? "")
    .split("\n")
    .slice(1, 1 + STACK_LINES)
    .join("\n");
  return `unexpected failure: ${error.message}\nThis is a defect of pulumi-container-ha; please report it with these lines:\n${origin}`;
}

const STACK_LINES = 4;
