import type { GateConfig } from "./env";

/** What a listing of the table says, without what changes by itself. */
export interface Listing {
  /** Chains, rules, types of sets. */
  rules: string;
  elements: Map<string, string[]>;
}

export function parseListing(text: string): Listing {
  const elements = new Map<string, string[]>();
  const rules = text.replace(
    /\n\t(set|map) (\w+) \{[^}]*?(elements = \{([^}]*)\})?\s*\n\t\}/g,
    (block, _kind, name: string, clause?: string, inner?: string) => {
      const entries = (inner ?? "").split(",").map((entry) => entry.trim());
      elements.set(name, entries.filter(Boolean).sort());
      return clause ? block.replace(clause, "").replace(/\s+\n\t\}$/, "\n\t}") : block;
    },
  );
  return { rules, elements };
}

/** Null while the listing is as expected, else what differs. `config` null: the sets were never configured. */
export function differenceIn(seen: Listing, rules: string, config: GateConfig | null): string | null {
  if (seen.rules !== rules) return "its chains or rules were changed";
  const sets = config && { prot: config.protected, here: config.here, probe: config.probe };
  for (const [name, macs] of Object.entries(sets ?? {})) {
    const found = seen.elements.get(name) ?? [];
    if (found.join() !== [...new Set(macs)].sort().join()) return `its set ${name} was changed`;
  }
  for (const map of ["gin", "gout"]) {
    const foreign = (seen.elements.get(map) ?? []).find((entry) => !/ : jump (in|out)[ab]$/.test(entry));
    if (foreign) return `its map ${map} has the entry "${foreign}"`;
  }
  return null;
}
