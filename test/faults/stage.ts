import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pythonImage } from "../lab/image";
import type { Lab } from "../lab/lab";
import { bootOwnedLab, defaultLabId, endOwnedLab } from "../lab/with-lab";
import { isProtected, untilContainer } from "../support/group";
import { openStack, type Stack } from "../support/pulumi";
import { type Capture, startCapture } from "./capture";
import { installDisks } from "./disks";
import { installFailpoints } from "./failpoints";
import { type History, readHistory } from "./history";
import { firstJudgement, type Judgement } from "./judge";
import { type Prober, startProber } from "./prober";

export const GROUP = "faults";
/** The container whose answers are judged. */
export const SUBJECT = "witness";

/** Three hosts with a protected container that is asked all the time; good for many runs. */
export interface Stage {
  lab: Lab;
  stack: Stack;
  address: string;
  prober: Prober;
  capture: Capture;
  history: History;
  judgement: Judgement;
  /** How many answers were judged in this run. */
  answers: number;
  end(): Promise<void>;
}

export async function openStage(progress: (line: string) => void): Promise<Stage> {
  const lab = await bootOwnedLab({ id: `${defaultLabId()}-faults`, hosts: 3 });
  try {
    return await setUp(lab, progress);
  } catch (error) {
    await endOwnedLab(lab);
    throw error;
  }
}

async function setUp(lab: Lab, progress: (line: string) => void): Promise<Stage> {
  const address = `${lab.subnet}.100`;
  const stack = await openStack({ example: "faults", stack: "lab", source: "test/faults/program" });
  const image = await pushWitness(lab);
  await stack.configure(
    {
      hosts: lab.hosts.map(({ name, address, hostKey }) => ({ name, address, hostKey })),
      image,
      containers: [{ name: SUBJECT, address }],
    },
    { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
  );
  progress("setting up a group of three hosts");
  await Promise.all(lab.hosts.map(({ name }) => installDisks(lab, name)));
  const up = await stack.up();
  if (up.code !== 0) throw new Error(`pulumi up failed:\n${up.output}`);
  await Promise.all(lab.hosts.map(({ name }) => installFailpoints(lab, name)));
  await untilContainer(lab, SUBJECT, { what: "protection", limitMs: 60_000, holds: isProtected });
  const history = readHistory(lab, { group: GROUP, container: SUBJECT });
  const capture = await startCapture(lab, [address]);
  const prober = startProber(address);
  return {
    lab,
    stack,
    address,
    prober,
    capture,
    history,
    judgement: firstJudgement(),
    answers: 0,
    async end() {
      prober.stop();
      await capture.stop();
      stack.dispose();
      await endOwnedLab(lab);
    },
  };
}

async function pushWitness(lab: Lab): Promise<string> {
  const program = join(__dirname, "../../../test/faults/witness.py");
  const { image } = await lab.pushImage("witness", {
    ...pythonImage,
    files: { "/witness.py": { content: readFileSync(program, "utf8") } },
    command: ["python3", "/witness.py"],
  });
  return image;
}
