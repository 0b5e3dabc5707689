import { parseArgs } from "node:util";
import { bootOwnedLab, defaultLabId, endOwnedLab, keepLab } from "../lab/with-lab";
import { whyNoHosts } from "../support/lab";
import { createNarrator } from "./narrator";
import { tellSimulatedStory } from "./simulated";
import { tellStory } from "./story";

const usage = "usage: npm run demo -- [--keep] [--json]";

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { keep: { type: "boolean" }, json: { type: "boolean" } } });
  const narrator = createNarrator({ json: values.json ?? false });
  const missing = whyNoHosts();
  if (missing) {
    const result = await tellSimulatedStory({ narrator, missing });
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    return result.ok ? 0 : 1;
  }
  narrator.say("pulumi-container-ha: a Redis survives the death of its host, with its memory.\n");
  const lab = await narrator.step(
    "Booting three Debian hosts (namespaces with systemd, sshd, podman, CRIU)",
    () => bootOwnedLab({ id: `${defaultLabId()}-demo`, hosts: 3 }),
  );
  const keep = values.keep ?? false;
  let kept = false;
  try {
    const result = await tellStory({ lab, narrator, keep });
    kept = keep && result.ok;
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    return result.ok ? 0 : 1;
  } finally {
    if (kept) {
      narrator.say(
        `The hosts stay up. Play with them (CONTAINER_HA_LAB=${lab.id} npm run lab -- help), and end with: CONTAINER_HA_LAB=${lab.id} npm run lab -- down`,
      );
      keepLab(lab);
    } else {
      await narrator.step("Taking the hosts down", () => endOwnedLab(lab));
    }
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(
      `${error.message.includes("Unknown option") ? usage : `The demo stopped: ${error.message}`}\n`,
    );
    process.exit(1);
  },
);
