import type { Gate, LeaseEvent } from "../../provider/agent/env";
import { createStanding } from "../../provider/agent/env/gate-standing";
import type { Lease } from "../../provider/agent/lease/lease";
import { createListeners } from "./listeners";
import type { SimProcess } from "./process";

export interface LeaseProcess {
  process: SimProcess;
  lease: Lease;
  /** What it tells a client first. */
  standing: LeaseEvent | null;
}

export interface GateOptions {
  /** The agent. */
  process: SimProcess;
  socketMs(): number;
}

export interface SimGate extends Gate {
  /** A lease process listens on the socket now; null: the one that did has ended. */
  connect(server: LeaseProcess | null): void;
  hear(event: LeaseEvent): void;
}

interface Pending {
  send(server: LeaseProcess): void;
  /** What is not asked again from the next lease process. */
  lost: (() => void) | null;
}

/**
 * The agent's side of the socket to the lease process: after a restart of that process it is told the session and the
 * configuration again, and asked again whatever it had not answered, but for joins.
 */
export function createGate({ process, socketMs }: GateOptions): SimGate {
  const listeners = createListeners<LeaseEvent>();
  const standing = createStanding(listeners.tell);
  const pending = new Set<Pending>();
  let server: LeaseProcess | null = null;
  let session: Parameters<Gate["adopt"]>[0] | null = null;
  let config: Parameters<Gate["configure"]>[0] | null = null;

  function call<T>(request: (lease: Lease) => Promise<T>, lost: ((cause: string) => T) | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        pending.delete(entry);
        settle();
      };
      const entry: Pending = {
        send: (to) => {
          process.after(socketMs(), () =>
            to.process.deliver(() =>
              request(to.lease).then(
                (answer) =>
                  to.process.after(socketMs(), () => process.deliver(() => end(() => resolve(answer)))),
                (error) => process.deliver(() => end(() => reject(error))),
              ),
            ),
          );
        },
        lost: lost && (() => end(() => resolve(lost("the lease process is not there")))),
      };
      pending.add(entry);
      if (server) entry.send(server);
      else if (entry.lost) process.after(0, entry.lost);
    });
  }

  return {
    connect(next) {
      server = next;
      if (!next) {
        for (const { lost } of [...pending]) if (lost) process.deliver(lost);
        return;
      }
      if (next.standing) this.hear(next.standing);
      const unanswered = [...pending];
      const known = { config, session };
      if (known.config) void call((lease) => lease.configure(known.config!), null);
      if (known.session) void call((lease) => lease.adopt(known.session!), null);
      for (const { send } of unanswered) send(next);
    },
    hear: (event) =>
      process.after(socketMs(), () => {
        if (event.type === "lost" && event.sid === session?.sid) session = null;
        standing.heard(event);
      }),
    adopt: (next) => {
      session = next;
      return call((lease) => lease.adopt(next), null);
    },
    configure: (next) => {
      config = next;
      return call((lease) => lease.configure(next), null);
    },
    join: (request) =>
      call(
        (lease) => lease.join(request),
        (cause) => ({ result: "unknown", cause }),
      ),
    leave: (mac) => call((lease) => lease.leave(mac), null),
    vouch: (answer) => call((lease) => lease.vouch(answer), null),
    state: () => call((lease) => lease.state(), null),
    ping: () => server?.process.deliver(() => server?.lease.ping()),
    onEvent: listeners.add,
  };
}
