/** How a value that is not known yet (at preview, or while a dependency is replaced) arrives in check and diff. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isUnknown(value: unknown): boolean {
  return value === UNKNOWN;
}

/** Whether the value or anything in it is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === null || typeof value !== "object") return isUnknown(value);
  return Object.values(value).some(hasUnknown);
}

/** Whether a fault at `path` (`hosts[1].address`) is about a value that is not known yet, and so is no fault. */
export function isAboutUnknown(root: unknown, path: string): boolean {
  let value = root;
  for (const key of path.split(/[.[\]]+/).filter((part) => part !== "")) {
    if (isUnknown(value)) return true;
    if (value === null || typeof value !== "object") return false;
    value = (value as Record<string, unknown>)[key];
  }
  return isUnknown(value);
}
