import type { Gate, JoinRequest, LeaseEvent, TxnOutcome } from "../../../provider/agent/env";

export interface FakeGate extends Gate {
  calls: unknown[];
  pings: number;
  emit(event: LeaseEvent): void;
  /** What a join or a leave gives; a promise that is not settled makes it hang. */
  joining(request: JoinRequest): Promise<TxnOutcome>;
  leaving(mac: string): Promise<void>;
}

export function createFakeGate(): FakeGate {
  const listeners: ((event: LeaseEvent) => void)[] = [];
  const gate: FakeGate = {
    calls: [],
    pings: 0,
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    joining: async () => ({ result: "committed", revision: 7 }),
    leaving: async () => {},
    adopt: async ({ sid, record }) => void gate.calls.push(["adopt", sid, record]),
    configure: async ({ protected: macs, here, probe, leaseMs, intervalMs }) =>
      void gate.calls.push(["configure", macs, here, probe, leaseMs, intervalMs]),
    join: ({ container, mac, compares, writes }) => {
      gate.calls.push(["join", container, mac, compares, writes]);
      return gate.joining({ container, mac, compares, writes });
    },
    leave: (mac) => {
      gate.calls.push(["leave", mac]);
      return gate.leaving(mac);
    },
    vouch: async ({ sid, attempt, promised }) => void gate.calls.push(["vouch", sid, attempt, promised]),
    state: async () => ({ sid: "s1", open: [], lapsed: false, leaseMs: 500 }),
    ping: () => {
      gate.pings += 1;
    },
    onEvent: (listener) => void listeners.push(listener),
  };
  return gate;
}
