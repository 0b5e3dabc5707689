/** Replaces every secret in the text, and every long line of a secret of several lines, by `[secret]`. */
export function redact(text: string, secrets: readonly string[]): string {
  const parts = secrets.flatMap((secret) => [
    secret,
    ...secret.split("\n").filter((line) => line.length >= LONG_LINE),
  ]);
  const longestFirst = [...new Set(parts.filter((part) => part.length >= SHORTEST))].sort(
    (a, b) => b.length - a.length,
  );
  return longestFirst.reduce((left, part) => left.replaceAll(part, "[secret]"), text);
}

/** Cuts the found value off a validation message whose path names a secret. */
export function redactFault<F extends { path: string; message: string }>(
  fault: F,
  secretInputs: readonly string[],
): F {
  const isSecret = secretInputs.includes(fault.path) || SECRET_FIELD.test(fault.path);
  return isSecret ? { ...fault, message: fault.message.replace(/, got [\s\S]*$/, "") } : fault;
}

/** Shorter texts are no secrets worth the name, and replacing them would make messages unreadable. */
const SHORTEST = 4;
/** A line of a PEM key, not its `-----BEGIN` neighbours of common words. */
const LONG_LINE = 20;
const SECRET_FIELD = /(^|\.)(password|privateKey|privateKeyPassword|key)$/;
