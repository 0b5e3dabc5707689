import { parseArguments } from "../arguments";
import { CliError, exitCodes } from "../cli-error";
import { goOn } from "../confirm";
import type { Command } from "../io";
import { planRecover } from "./plan";
import { doneText, planText } from "./words";

export const recover: Command = async (args, io) => {
  const { values } = parseArguments("recover", {
    args,
    options: {
      "confirmed-off": { type: "string", multiple: true },
      yes: { type: "boolean", short: "y" },
      json: { type: "boolean" },
    },
  });
  // While etcd is stopped, Ctrl-C would leave it so.
  io.interrupted();
  const recovery = io.recovery();
  const seen = await recovery.look();
  if ("refusal" in seen) throw new CliError(seen.refusal);
  const plan = planRecover(seen, { confirmedOff: values["confirmed-off"] ?? [] });
  if ("refusal" in plan) throw new CliError(plan.refusal);
  const text = planText(plan);
  if (!values.yes) await goOn(io, { command: "recover", will: text });
  else if (!values.json) io.out(`${text}\n`);
  await recovery.rebuild(plan);
  io.out(values.json ? `${JSON.stringify(plan)}\n` : `${doneText(plan)}\n`);
  return exitCodes.ok;
};
