/** All that a program imports. One line per resource or component. */
export { type ConnectionArgs, type ConnectionInputs, Host, type HostArgs } from "./host";
