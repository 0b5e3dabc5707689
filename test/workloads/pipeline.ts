import { openLines } from "./line-session";
import { programFile } from "./program-file";
import { asUser, withUser } from "./users";
import { startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("daemon");
const PORT = 7000;

/** Shells and tools that hand lines on through pipes; what they count lies in a file. */
export const pipeline: Workload = {
  name: "shell-pipeline",
  image: {
    programs: [...user.programs, "/usr/bin/socat", "/bin/sed", "/bin/mv"],
    files: { ...user.files, "/pipeline.sh": { ...programFile("pipeline.sh"), mode: 0o755 } },
  },
  command: asUser({
    user: "daemon",
    folder: "/var/lib/pipeline",
    prepare: "[ -s counter ] || echo 0 >counter",
    program: `socat TCP-LISTEN:${PORT},fork,reuseaddr,nodelay EXEC:/pipeline.sh`,
  }),
  envs: [],
  probe: { tcp: { port: PORT } },
  startPeriod: 10,
  client: (address) => startWorking(() => openLines(address, PORT, oneAnswerEach)),
};

function oneAnswerEach([, said]: string[], before: string[] | null): void {
  const expected = before === null ? 1 : Number(before[1]) + 1;
  if (Number(said) !== expected)
    throw new WrongAnswer(`its pipeline gave answer ${said} where ${expected} was due`);
}
