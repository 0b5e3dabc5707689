import { pythonImage } from "../lab/image";
import { openLines } from "./line-session";
import { programFile } from "./program-file";
import { asUser, withUser } from "./users";
import { startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("www-data");
const PORT = 7000;

/** Three processes that accept from one socket and count in memory that they share. */
export const python: Workload = {
  name: "python-workers",
  image: {
    programs: [...user.programs, ...pythonImage.programs!],
    paths: [...pythonImage.paths!],
    files: { ...user.files, "/workers.py": programFile("workers.py") },
  },
  command: asUser({ user: "www-data", folder: "/var/lib/workers", program: "python3 /workers.py" }),
  envs: [],
  probe: { tcp: { port: PORT } },
  startPeriod: 20,
  client: (address) => startWorking(() => openLines(address, PORT, keepsItsWorker)),
};

function keepsItsWorker([, worker]: string[], before: string[] | null): void {
  if (before !== null && before[1] !== worker)
    throw new WrongAnswer(`worker ${worker} answered over the connection of worker ${before[1]}`);
}
