import { isStanding, type LeaseEvent } from "../env";

/**
 * How the session stands, as the agent has been told. A lease process tells it to every new connection, so that
 * nothing is missed; what the agent knows already is not repeated.
 */
export interface Standing {
  heard(event: LeaseEvent): void;
  /** The lease process was away for longer than any lease. */
  silent(sid: string): void;
}

export function createStanding(tell: (event: LeaseEvent) => void): Standing {
  let told: { sid: string; type: "lapsed" | "renewed" | "lost" } | null = null;
  const heard = (event: LeaseEvent) => {
    if (!isStanding(event)) return tell(event);
    const before = told?.sid === event.sid ? told.type : "renewed";
    if (event.type === before || before === "lost") return;
    told = { sid: event.sid, type: event.type };
    tell(event);
  };
  return { heard, silent: (sid) => heard({ type: "lapsed", sid }) };
}
