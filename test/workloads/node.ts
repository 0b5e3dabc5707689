import { openLines } from "./line-session";
import { programFile } from "./program-file";
import { asUser, withUser } from "./users";
import { startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("www-data");
const PORT = 7000;

/** A server that answers from timers only. */
export const node: Workload = {
  name: "node-timers",
  image: {
    programs: [...user.programs, "/usr/bin/node"],
    paths: ["/usr/share/nodejs"],
    files: { ...user.files, "/timers.js": programFile("timers.js") },
  },
  command: asUser({ user: "www-data", folder: "/var/lib/timers", program: "node /timers.js" }),
  envs: [],
  probe: { tcp: { port: PORT } },
  startPeriod: 20,
  client: (address) => startWorking(() => openLines(address, PORT, ticks)),
};

/** The interval of the server goes on between two answers of one session, and never back. */
function ticks([, now]: string[], before: string[] | null): void {
  if (before !== null && Number(now) < Number(before[1]))
    throw new WrongAnswer(`its interval has ticked ${now} times after ${before[1]} times`);
}
