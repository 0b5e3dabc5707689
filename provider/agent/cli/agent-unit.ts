/**
 * Why no agent answers on this host, by what systemd (`show`: ActiveState and NRestarts) and the journal say of its unit;
 * null: they say nothing. What its end says is its own matter, not the group's.
 */
export function agentUnitText(o: { show: string; journal: string }): string | null {
  const state = /^ActiveState=(.+)$/m.exec(o.show)?.[1];
  const restarts = Number(/^NRestarts=(\d+)$/m.exec(o.show)?.[1] ?? 0);
  const last = /container-ha-agent stops: (.+)/.exec(lastEnd(o.journal))?.[1];
  if (!state) return null;
  const why = last ? `, last with: ${last.trim()}` : "";
  const what =
    restarts > 0 && state !== "inactive"
      ? `It keeps ending (systemd has started it again ${restarts} times)${why}`
      : `Its unit is ${state}${why}`;
  return `${what}. That is this host's trouble, not the group's: any other host tells how the group is.`;
}

function lastEnd(journal: string): string {
  return journal.split("\n").findLast((line) => line.includes("container-ha-agent stops: ")) ?? "";
}
