import { join } from "node:path";
import { type AgentConfig, type Event, paths } from "../../contract";
import type { Log } from "../env";
import { createEventFile } from "./event-file";

type Level = AgentConfig["logLevel"];

/** Events kept in memory. */
const KEPT_EVENTS = 2000;

/** What journald takes a line's leading `<n>` for. */
const priority = { debug: 7, info: 6, event: 5, warn: 4 } as const;
const levels: Level[] = ["debug", "info", "warn", "error"];

export interface EventLog extends Log {
  /** The last `limit` events, oldest first. */
  events(limit: number): Event[];
  /** Called for each event from now on; the result ends that. */
  onEvent(listener: (event: Event) => void): () => void;
  /** Resolves when every event so far is in the file. */
  flush(): Promise<void>;
}

export interface LogOptions {
  host: string;
  level: Level;
  /** Where events outlive the agent; `events.jsonl` in the state folder by default. */
  file?: string;
  /** One line without its end; standard output by default, which journald reads. */
  write?: (line: string) => void;
}

/** One line per entry. Events are written at every level. */
export function createLog(options: LogOptions): EventLog {
  const { host, level } = options;
  const write = options.write ?? ((line: string) => void process.stdout.write(`${line}\n`));
  const file = createEventFile(options.file ?? join(paths.state, "events.jsonl"));
  const listeners = new Set<(event: Event) => void>();
  const ring = file.load(KEPT_EVENTS);

  const line = (kind: keyof typeof priority, sentence: string) =>
    write(`<${priority[kind]}>${sentence.trim().replace(/\s*\n\s*/g, " | ")}`);
  const at = (kind: "debug" | "info" | "warn") => (sentence: string) => {
    if (levels.indexOf(kind) >= levels.indexOf(level)) line(kind, sentence);
  };

  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    event: (entry) => {
      const event: Event = { at: new Date().toISOString(), host, ...entry };
      ring.push(event);
      if (ring.length > KEPT_EVENTS) ring.shift();
      line("event", `${event.kind}${event.container ? ` ${event.container}` : ""}: ${event.sentence}`);
      file.append(event);
      for (const listener of listeners) listener(event);
    },
    events: (limit) => ring.slice(-limit),
    onEvent: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    flush: file.flush,
  };
}
