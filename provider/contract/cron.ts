import { Cron } from "croner";

const faults = new Map<string, string | null>();

/** Why this is no cron expression, for people; null: it is one. Kept, as each cycle of an agent asks. */
export function cronFault(cron: string): string | null {
  const known = faults.get(cron);
  if (known !== undefined) return known;
  const fault = newCronFault(cron);
  faults.set(cron, fault);
  return fault;
}

function newCronFault(cron: string): string | null {
  try {
    new Cron(cron, { timezone: "UTC" });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
