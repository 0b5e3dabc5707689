const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `3 s ago`, in the largest unit that has passed at least twice: `90 s ago`, `2 min ago`. */
export function ago(ms: number): string {
  if (ms < SECOND) return "now";
  const [size, unit] = (
    [
      [DAY, "d"],
      [HOUR, "h"],
      [MINUTE, "min"],
    ] as const
  ).find(([unitMs]) => ms >= 2 * unitMs) ?? [SECOND, "s"];
  return `${Math.floor(ms / size)} ${unit} ago`;
}

/** `2026-10-02 10:00:00Z` of an ISO time, which is UTC; the text itself when it is no time. */
export function clockTime(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** Ends `text` with a full stop unless it has one. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
