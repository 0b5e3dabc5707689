/** The one home of what crosses between provider and agent. Imports zod and Node only. */
export * from "./address";
export * from "./container-spec";
export * from "./cron";
export * from "./ctl";
export * from "./group-config";
export * from "./keys";
export * from "./manifest";
export * from "./moves";
export * from "./names";
export * from "./parse";
export * from "./paths";
export * from "./placement";
export * from "./records";
export * from "./status";
export * from "./timing";
