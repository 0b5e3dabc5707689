import type { ServerResponse } from "node:http";
import type { Event } from "../../contract";

/** Where the agent keeps its events. */
export interface EventSource {
  /** The latest `limit` events, oldest first. */
  recent(limit: number): Event[];
  /** Called for each event from now on; the returned function ends it. */
  onEvent(listener: (event: Event) => void): () => void;
}

/** A follower that does not read is cut off before what waits for it fills the agent's memory. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Answers with the latest events, one JSON object a line. */
export function listEvents(events: EventSource, limit: number, response: ServerResponse): void {
  writeHead(response);
  response.end(events.recent(limit).map(lineOf).join(""));
}

/** The same, then every new event until the client goes away or the response is ended. */
export function followEvents({
  events,
  limit,
  response,
  followers,
}: {
  events: EventSource;
  limit: number;
  response: ServerResponse;
  followers: Set<ServerResponse>;
}): void {
  writeHead(response);
  response.flushHeaders();
  for (const event of events.recent(limit)) response.write(lineOf(event));
  const unsubscribe = events.onEvent((event) => {
    if (response.writableEnded) return;
    response.write(lineOf(event));
    if (response.writableLength > MAX_WAITING_BYTES) response.destroy();
  });
  followers.add(response);
  response.once("close", () => {
    unsubscribe();
    followers.delete(response);
  });
}

function writeHead(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
}

function lineOf(event: Event): string {
  return `${JSON.stringify(event)}\n`;
}
