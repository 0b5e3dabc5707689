/** Longest waits for a reply of the store, ms; over all its endpoints. */
export interface StoreTimeouts {
  readMs: number;
  txnMs: number;
}

export const agentTimeouts: StoreTimeouts = { readMs: 250, txnMs: 500 };

/** Two renewals fit into the shortest profile's lease, so that one lost reply closes no gate. */
export const leaseTimeouts: StoreTimeouts = { readMs: 500, txnMs: 250 };
