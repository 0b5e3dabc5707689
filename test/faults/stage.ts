import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pythonImage } from "../lab/image";
import type { Lab } from "../lab/lab";
import { bootOwnedLab, defaultLabId, endOwnedLab } from "../lab/with-lab";
import { isProtected, untilContainer } from "../support/group";
import { openStack, type Stack } from "../support/pulumi";
import { until } from "../support/until";
import { type Capture, startCapture } from "./capture";
import { installDisks } from "./disks";
import { installFailpoints } from "./failpoints";
import { isServing, look, observe, type Witness } from "./witness";

export const GROUP = "faults";
/** The container that is there in every run. */
export const SUBJECT = "witness";
/** Another one, where a fault is about two. */
const GUEST = "guest";
const ANSWER_LIMIT_MS = 5_000;

/** Three hosts with a protected container that is asked all the time; good for many runs. */
export interface Stage {
  lab: Lab;
  stack: Stack;
  capture: Capture;
  subject: Witness;
  guest: Witness | null;
  /** Declares a second container by an `up` and waits until it is protected, with its primary on that host. */
  invite(host: string): Promise<void>;
  /** Removes the second container, if one was declared. */
  dismiss(): Promise<void>;
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
  const guestAddress = `${lab.subnet}.101`;
  const stack = await openStack({ example: "faults", stack: "lab", source: "test/faults/program" });
  const image = await pushWitness(lab);
  const declare = async (others: { name: string; address: string }[]) => {
    await stack.configure(
      {
        hosts: lab.hosts.map(({ name, address, hostKey }) => ({ name, address, hostKey })),
        image,
        containers: [{ name: SUBJECT, address }, ...others],
      },
      { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
    );
    const up = await stack.up();
    if (up.code !== 0) throw new Error(`pulumi up failed:\n${up.output}`);
  };
  progress("setting up a group of three hosts");
  await Promise.all(lab.hosts.map(({ name }) => installDisks(lab, name, { store: 192, etcd: 384 })));
  await declare([]);
  await Promise.all(lab.hosts.map(({ name }) => installFailpoints(lab, name)));
  await untilContainer(lab, SUBJECT, { what: "protection", limitMs: 60_000, holds: isProtected });
  const capture = await startCapture(lab, [address, guestAddress]);
  let invited = false;
  const stage: Stage = {
    lab,
    stack,
    capture,
    subject: observe(lab, { group: GROUP, name: SUBJECT, address }),
    guest: null,
    async invite(host) {
      invited = true;
      await declare([{ name: GUEST, address: guestAddress }]);
      const wait = { what: "protection", limitMs: 60_000, holds: isProtected };
      const { primary } = await untilContainer(lab, GUEST, wait);
      const guest = observe(lab, { group: GROUP, name: GUEST, address: guestAddress });
      stage.guest = guest;
      await until(() => isServing(guest), "answers of the second container", ANSWER_LIMIT_MS);
      // Before it is moved, so that its history holds the handover.
      await look(guest, { capture, mayStartCold: false });
      if (primary !== host) {
        await lab.exec(host, `container-ha migrate ${GUEST} --to ${host}`);
        await untilContainer(lab, GUEST, wait);
      }
    },
    async dismiss() {
      if (!invited) return;
      stage.guest?.prober.stop();
      stage.guest = null;
      await declare([]);
      capture.take(guestAddress);
      invited = false;
    },
    async end() {
      for (const witness of [stage.subject, stage.guest]) witness?.prober.stop();
      await capture.stop();
      stack.dispose();
      await endOwnedLab(lab);
    },
  };
  return stage;
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
