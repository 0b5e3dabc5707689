import { pythonImage } from "../lab/image";
import { openLines } from "./line-session";
import { programFile } from "./program-file";
import { asUser, withUser } from "./users";
import { startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("www-data");
const PORT = 7000;

/** A program that has opened a connection of its own, to the protected Redis at that address. */
export function frontOf(redisAddress: string): Workload {
  return {
    name: "front",
    image: {
      programs: [...user.programs, ...pythonImage.programs!],
      paths: [...pythonImage.paths!],
      files: { ...user.files, "/front.py": programFile("front.py") },
    },
    command: asUser({ user: "www-data", folder: "/var/lib/front", program: "python3 /front.py" }),
    envs: [`BEHIND=${redisAddress}`],
    probe: { tcp: { port: PORT } },
    startPeriod: 20,
    client: (address) => startWorking(() => openLines(address, PORT, neverBackBehind)),
  };
}

/** As long as its own connection lasts, what is behind it counts each piece of work exactly once. */
function neverBackBehind([count, session, behind]: string[], before: string[] | null): void {
  if (before === null || before[1] !== session) return;
  const [own, other] = [Number(count) - Number(before[0]), Number(behind) - Number(before[2])];
  if (own !== other)
    throw new WrongAnswer(`it counted ${own} and Redis ${other}, over one connection between them`);
}
