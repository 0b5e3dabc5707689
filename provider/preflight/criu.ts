import type { Facts } from "./facts";
import { isAtLeast } from "./version";

/** Kernel -> the oldest CRIU that works there (facts: measured), the newest kernel first. */
const REQUIREMENTS = [
  { kernel: "6.16", criu: "4.2", why: "older ones cannot dump TCP sockets there (SO_PASSCRED)" },
  { kernel: "6.13", criu: "4.1", why: "older ones do not start there (rt vDSO area)" },
  { kernel: "0", criu: "3.17", why: "older ones were never tried" },
] as const;

/** What apt should install so that CRIU works on this kernel; undefined: it is there, or apt has none that would do. */
export function neededCriu(facts: Facts): { packages: string[]; suite?: string } | undefined {
  const least = requirement(facts);
  if (facts.criu && isAtLeast(facts.criu.version, least.criu)) return undefined;
  // apt lists the newest first; the oldest that works is the one closest to the rest of the system.
  const found = facts.criuPackages?.findLast((candidate) => isAtLeast(candidate.version, least.criu));
  return found && { packages: ["criu"], suite: found.suite };
}

/** Why this host's CRIU cannot be used, with the fix; undefined: it can. */
export function criuFault(facts: Facts): string | undefined {
  const least = requirement(facts);
  const fix = `install CRIU ${least.criu} or later: ${sourceOf(facts)}; or boot an older kernel`;
  if (!facts.criu) return `CRIU is missing and apt has no fitting one: ${fix}`;
  if (!isAtLeast(facts.criu.version, least.criu)) {
    return `CRIU ${facts.criu.version} does not work on kernel ${facts.kernel}: ${least.why}; ${fix}`;
  }
  if (!facts.criu.works) return `\`criu check\` fails on kernel ${facts.kernel}: ${facts.criu.problems}`;
  return undefined;
}

function requirement(facts: Facts) {
  return REQUIREMENTS.find((entry) => isAtLeast(facts.kernel, entry.kernel))!;
}

/** sid is never added to a host's sources by the product: that is the operator's decision. */
function sourceOf(facts: Facts): string {
  if (facts.os.id !== "debian") return "from your distribution or from source";
  return "Debian sid has it (add sid to the apt sources with pin priority 100, then run this again: it is taken from there)";
}
