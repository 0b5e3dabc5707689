import { engineNetwork } from "../../provider/contract";
import { steadyClient } from "../agent/env/runtime/steady-client";
import type { Lab } from "../lab/lab";
import { redisCommand } from "../support/redis-client";
import { until } from "../support/until";
import { percentile } from "./figures";
import { fillTo } from "./filled-redis";

/** What podman offers by itself: checkpoint into an archive, copy, restore from it (established connections kept). */
export interface PodmanMoves {
  /** Of the moves that kept the connection. */
  p50Ms: number;
  p95Ms: number;
  connectionsKept: number;
  runs: PodmanMove[];
}

interface PodmanMove {
  from: string;
  to: string;
  /** Null: the connection was lost. */
  gapMs: number | null;
  kept: boolean;
  /** Its three commands, ms. */
  checkpointMs: number;
  copyMs: number;
  restoreMs: number;
}

const NAME = "bench-podman";
const FOLDER = "/var/tmp/bench-podman";
const ARCHIVE = `${FOLDER}/checkpoint.tar`;
const CRIU_CONF = `${FOLDER}/criu.conf`;
const IMAGE = "registry.lab:5000/redis-lab";
const MAC = "02:00:00:be:0c:01";
const PORT = 8377;
/** What any container of the product has as well: without them podman's own restore fails on the lab's hosts. */
const CRIU_LINES = ["network-lock skip", "manage-cgroups=ignore", "tcp-established"];

/** Moves a Redis of the same size, on the same hosts and network, by hand. */
export async function podmanMoves(
  lab: Lab,
  { memoryMb, runs }: { memoryMb: number; runs: number },
  progress: (line: string) => void,
): Promise<PodmanMoves> {
  const address = `${lab.subnet}.101`;
  const [a, b] = lab.hosts.map(({ name }) => name) as [string, string];
  for (const host of [a, b]) {
    await lab.exec(
      host,
      `mkdir -p ${FOLDER} && printf '%s\\n' ${CRIU_LINES.map((line) => `'${line}'`).join(" ")} >${CRIU_CONF} && podman pull -q ${IMAGE}`,
    );
  }
  await lab.exec(
    a,
    `podman --runtime runc run --detach --name ${NAME} --pids-limit 0 --network ${engineNetwork} --ip ${address} --mac-address ${MAC} --annotation org.criu.config=${CRIU_CONF} ${IMAGE}`,
  );
  await until(
    async () => (await redisCommand(address, "PING").catch(() => "")) === "PONG",
    "its Redis",
    10_000,
  );
  await fillTo(address, memoryMb);
  const moves: PodmanMove[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const [from, to] = run % 2 === 1 ? [a, b] : [b, a];
    const move = await moveByHand(lab, { from, to, address });
    progress(`podman by hand, run ${run} of ${runs}: ${JSON.stringify(move)}`);
    moves.push(move);
  }
  for (const host of [a, b]) {
    await lab.exec(host, `podman rm --force --time 0 --ignore ${NAME}; rm -rf ${FOLDER}`);
  }
  const gaps = moves.flatMap(({ gapMs }) => gapMs ?? []);
  return {
    p50Ms: percentile(gaps, 0.5),
    p95Ms: percentile(gaps, 0.95),
    connectionsKept: moves.filter(({ kept }) => kept).length,
    runs: moves,
  };
}

async function moveByHand(
  lab: Lab,
  { from, to, address }: { from: string; to: string; address: string },
): Promise<PodmanMove> {
  const client = await steadyClient(address, "counter");
  await until(() => client.value() > 50, "replies before the move", 10_000);
  client.longestGap();
  const marks = [performance.now()];
  const step = async (host: string, command: string) => {
    await lab.exec(host, command);
    marks.push(performance.now());
  };
  const serve = `setsid --fork socat -u OPEN:${ARCHIVE} TCP-LISTEN:${PORT},reuseaddr </dev/null >/dev/null 2>&1`;
  const checkpoint = `podman container checkpoint --tcp-established --export ${ARCHIVE} ${NAME}`;
  await step(from, `${checkpoint} && ${serve}`);
  const source = lab.host(from).address;
  await step(to, `socat -u TCP:${source}:${PORT},retry=40,interval=0.05 OPEN:${ARCHIVE},creat,trunc`);
  await step(to, `podman --runtime runc container restore --tcp-established --import ${ARCHIVE}`);
  const after = client.value();
  await until(
    () => client.value() > after + 20 || client.closedAt() !== null,
    "replies after the move",
    20_000,
  ).catch(() => undefined);
  const [began = 0, dumped = 0, copied = 0, restored = 0] = marks;
  const kept = client.closedAt() === null && client.value() > after;
  const move = {
    from,
    to,
    gapMs: kept ? Math.round(client.longestGap()) : null,
    kept,
    checkpointMs: Math.round(dumped - began),
    copyMs: Math.round(copied - dumped),
    restoreMs: Math.round(restored - copied),
  };
  client.stop();
  await lab.exec(from, `podman rm --force --time 0 ${NAME}`);
  return move;
}
