import { openExchange } from "./exchange";
import { asUser, withUser } from "./users";
import { type Session, startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("redis");
const PORT = 6379;

/** Redis that writes each change to its file before it acknowledges it. */
export const redis: Workload = {
  name: "redis-aof",
  image: {
    files: user.files,
    programs: [...user.programs, "/usr/bin/redis-server", "/usr/bin/redis-cli"],
  },
  command: asUser({
    user: "redis",
    folder: "/var/lib/redis",
    program: "redis-server --appendonly yes --appendfsync always --save '' --protected-mode no",
  }),
  envs: [],
  probe: { exec: ["redis-cli", "PING"] },
  startPeriod: 20,
  client: (address) => startWorking(() => openRedis(address)),
};

/** A counter and a list that always have the same length, changed together. */
export async function openRedis(address: string, port = PORT): Promise<Session> {
  const exchange = await openExchange(address, port);
  const ask = (lines: string[], replies: number) =>
    exchange.ask(lines.map((line) => `${line}\r\n`).join(""), (text) => {
      const complete = text.split("\r\n").slice(0, -1);
      if (complete.some((line) => line.startsWith("-"))) throw new WrongAnswer(`Redis said ${text.trim()}`);
      return complete.length < replies ? null : complete;
    });
  const agreed = (answers: string[]) => {
    const [counter, length] = answers.map(Number);
    if (counter !== length)
      throw new WrongAnswer(`Redis has counted ${counter}, but its list has ${length} entries`);
    return counter!;
  };
  return {
    async work() {
      const lines = await ask(["MULTI", "INCR work:counter", "RPUSH work:list x", "EXEC"], 6);
      return agreed(lines.slice(4).map((line) => line.slice(1)));
    },
    async done() {
      const lines = await ask(["MULTI", "INCRBY work:counter 0", "LLEN work:list", "EXEC"], 6);
      return agreed(lines.slice(4).map((line) => line.slice(1)));
    },
    close: exchange.close,
  };
}
