/** Version of agent, lease and command line, and of the records they write. */
export const VERSION = "0.1.0";
