/** Kind -> handlers: what the stub in `sdk/thin-provider.ts` asks for. One line per resource. */
export type { Handlers } from "./resource";
export { hostHandlers as Host } from "./resources/host";
