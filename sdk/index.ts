/** All that a program imports. One line per resource or component. */
export { stub } from "./thin-provider";
