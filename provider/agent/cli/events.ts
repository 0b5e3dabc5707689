import { type Event, eventSchema, parseJson } from "../../contract";
import { agentLines } from "./agent-call";
import { parseArguments, usageError } from "./arguments";
import { CliError, exitCodes } from "./cli-error";
import type { Command } from "./io";
import { aligned } from "./table";
import { clockTime } from "./words";

export const events: Command = async (args, io) => {
  const { values } = parseArguments("events", {
    args,
    options: {
      follow: { type: "boolean", short: "f" },
      limit: { type: "string", short: "n", default: "20" },
      json: { type: "boolean" },
    },
  });
  const limit = Number(values.limit);
  if (!/^[1-9]\d*$/.test(values.limit) || limit > 10_000) {
    throw usageError("events", `--limit: expected a whole number from 1 to 10000, got "${values.limit}"`);
  }
  const signal = values.follow ? io.interrupted() : undefined;
  const path = `/events?limit=${limit}${values.follow ? "&follow=1" : ""}`;
  const lineOf = values.json ? (event: Event) => JSON.stringify(event) : eventLines();
  try {
    for await (const line of agentLines({ socketPath: io.socketPath, method: "GET", path, signal })) {
      io.out(`${lineOf(parseJson(eventSchema, line, "The agent's event"))}\n`);
    }
  } catch (error) {
    if (signal?.aborted) return exitCodes.ok;
    throw error;
  }
  if (!values.follow) return exitCodes.ok;
  throw new CliError("The agent stopped, so no more events come from it.", exitCodes.unreachable);
};

/** Formats one event after the other; columns grow with what was seen, since later events are not known yet. */
function eventLines(): (event: Event) => string {
  const widths = [0, 0, 0, 0];
  return (event) => {
    const cells = [clockTime(event.at), event.host, event.container ?? "-", event.kind];
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column]!, cell.length);
    return aligned([...cells, event.sentence], widths);
  };
}
