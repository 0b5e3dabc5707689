/** Shorter texts are no secrets worth the name, and replacing them would make every message unreadable. */
const MIN_LENGTH = 6;

/** Replaces every given secret, and every longer line of it, by `[secret]`. */
export function scrub(text: string, secrets: readonly string[]): string {
  const parts = secrets
    .flatMap((secret) => [secret, ...secret.split("\n")])
    .map((part) => part.trim())
    .filter((part) => part.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length);
  return parts.reduce((result, part) => result.replaceAll(part, "[secret]"), text);
}
