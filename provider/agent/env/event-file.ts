import { mkdirSync, readFileSync } from "node:fs";
import { appendFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { check, type Event, eventSchema } from "../../contract";

/** The file is turned over at this size; the one before is kept, so twice as much lies on the disk. */
const MAX_BYTES = 1 << 20;

/** Events on the disk, so that they outlive the agent. A disk that is full costs events, nothing else. */
export interface EventFile {
  /** The last `limit` events that earlier agents wrote, oldest first; lines that are torn are left out. */
  load(limit: number): Event[];
  /** Written in order, in the background. */
  append(event: Event): void;
  flush(): Promise<void>;
}

export function createEventFile(path: string, maxBytes = MAX_BYTES): EventFile {
  const older = `${path}.1`;
  let waiting: string[] = [];
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const text = waiting.join("");
    waiting = [];
    if (!text) return;
    try {
      await appendFile(path, text, { mode: 0o600 });
      if ((await stat(path)).size >= maxBytes) await rename(path, older);
    } catch {
      // Told in the journal already.
    }
  }

  return {
    load: (limit) => [older, path].flatMap(readEvents).slice(-limit),
    append: (event) => {
      waiting.push(`${JSON.stringify(event)}\n`);
      writing = writing.then(write);
    },
    flush: () => writing,
  };

  function readEvents(from: string): Event[] {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      return readFileSync(from, "utf8").split("\n").flatMap(eventOf);
    } catch {
      return [];
    }
  }
}

function eventOf(line: string): Event[] {
  try {
    const parsed = check(eventSchema, JSON.parse(line));
    return parsed.ok ? [parsed.value] : [];
  } catch {
    return [];
  }
}
