import { readFileSync } from "node:fs";
import { join } from "node:path";
import { units } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { inHost, type Scene } from "./scene";

/** The steps of a renewal, and what can happen to the lease process there. */
export const failpoints = [
  "before-arm",
  "after-arm",
  "before-send",
  "after-send",
  "after-ack",
  "before-flip",
  "after-flip",
] as const;
export type Failpoint = (typeof failpoints)[number];

const preload = "/usr/local/lib/failpoints.cjs";

/** Loads the failpoints into the host's lease process; its restart costs no failover. */
export async function installFailpoints(lab: Lab, host: string): Promise<void> {
  const source = readFileSync(join(__dirname, "../../../test/faults/failpoints.cjs"), "utf8");
  const dropIn = `/etc/systemd/system/${units.lease}.d`;
  await lab.exec(host, `cat >${preload}`, { input: source });
  await lab.exec(host, `mkdir -p ${dropIn} && cat >${dropIn}/failpoints.conf`, {
    input: `[Service]\nEnvironment=NODE_OPTIONS=--require=${preload}\n`,
  });
  await lab.exec(host, `systemctl daemon-reload && systemctl restart ${units.lease}`);
}

/** The next time the lease process gets to the point, it receives the signal there. */
export function orderFailpoint(
  scene: Scene,
  host: string,
  point: Failpoint,
  signal: "SIGSTOP" | "SIGKILL",
): Promise<void> {
  const order = `echo '${point} ${signal}' >/run/failpoint.new && mv /run/failpoint.new /run/failpoint`;
  return inHost(scene, host, order);
}
