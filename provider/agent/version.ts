/** Set by the bundler to the package's version. */
declare const CONTAINER_HA_VERSION: string | undefined;

/** Version of agent, lease and command line, and of the records they write. */
export const VERSION = typeof CONTAINER_HA_VERSION === "string" ? CONTAINER_HA_VERSION : "unbundled";
