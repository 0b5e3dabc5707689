import type { Owner } from "../../provider/contract";
import type { SimCopy } from "./engine";
import type { SimHost } from "./host";

/**
 * I8 (safety.md 5.1): from the point of no return on the source of a planned move keeps its frozen copy, which executes
 * nothing, until the target runs what was moved or gives it back.
 */
export interface KeptCopies {
  /** The target owns it now. */
  handedOn(container: string, source: Owner): void;
  /** The source owns it again, and goes on with what it kept. */
  givenBack(container: string, source: Owner): void;
  /** The owner changed in whatever way. */
  ownerChanged(container: string, last: Owner | undefined, owner: Owner): void;
  look(container: string): void;
}

export function createKeptCopies({
  hosts,
  sessionHolds,
  violated,
}: {
  hosts: Map<string, SimHost>;
  sessionHolds(host: string, sid: string): boolean;
  violated(sentence: string): void;
}): KeptCopies {
  const sources = new Map<string, { owner: Owner; copy: SimCopy | undefined }>();
  const engineOf = (host: string) => hosts.get(host)?.machine?.engine;

  return {
    handedOn: (container, owner) => {
      sources.set(container, { owner, copy: engineOf(owner.host)?.copies.get(container) });
    },
    givenBack(container, { host, sid }) {
      const machine = hosts.get(host)?.machine;
      // A process that ended by itself has left its copy; a machine that was off knows of no session.
      if (machine?.session?.sid === sid && !machine.engine.copies.has(container))
        violated(`I8: ${container} is given back to ${host}, which keeps no copy of it any more`);
    },
    ownerChanged(container, last, owner) {
      const source = sources.get(container)?.owner;
      if (!source) return;
      if (source.host === owner.host) sources.delete(container);
      const stays = last?.host === owner.host && last.sid === owner.sid;
      const isMoved = stays && last.phase === "RESTORING" && last.epoch === source.epoch + 1;
      if (isMoved && owner.phase === "RESTORING" && sessionHolds(source.host, source.sid))
        violated(
          `I8: ${owner.host} begins ${container} anew, which ${source.host} handed on and could take back`,
        );
    },
    look(container) {
      const { owner, copy } = sources.get(container) ?? {};
      if (!owner || !copy || engineOf(owner.host)?.copies.get(container) !== copy) return;
      if (engineOf(owner.host)!.stateOf(container) === "running")
        violated(`I8: ${container} goes on on ${owner.host}, which has handed it on`);
    },
  };
}
