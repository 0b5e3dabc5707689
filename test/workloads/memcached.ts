import { openExchange } from "./exchange";
import { withUser } from "./users";
import { type Session, startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("memcache");
const PORT = 11211;

/** Everything that it knows is in its memory. */
export const memcached: Workload = {
  name: "memcached",
  image: {
    files: user.files,
    programs: [...user.programs, "/usr/bin/memcached"],
  },
  command: ["memcached", "-u", "memcache", "-l", "0.0.0.0", "-m", "64"],
  envs: [],
  probe: { tcp: { port: PORT } },
  startPeriod: 10,
  client: (address) => startWorking(() => openMemcached(address)),
};

async function openMemcached(address: string): Promise<Session> {
  const exchange = await openExchange(address, PORT);
  const ask = (command: string, end: RegExp) =>
    exchange.ask(`${command}\r\n`, (text) => {
      if (/^(CLIENT_|SERVER_)?ERROR/.test(text)) throw new WrongAnswer(`memcached said ${text.trim()}`);
      return end.test(text) ? text : null;
    });
  await ask("add work 0 0 1\r\n0", /STORED\r\n$/);
  return {
    work: async () => countOf(await ask("incr work 1", /\r\n$/)),
    async done() {
      const text = await ask("get work", /END\r\n$/);
      return countOf(text.split("\r\n")[1]!);
    },
    close: exchange.close,
  };
}

function countOf(text: string): number {
  if (!/^\d+\s*$/.test(text))
    throw new WrongAnswer(`memcached said ${text.trim()} where a number was expected`);
  return Number(text);
}
