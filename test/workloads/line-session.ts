import { firstLine, openExchange } from "./exchange";
import { type Session, WrongAnswer } from "./working-client";

/**
 * A session with one of the programs in `programs/`: to `work` and `done` it answers with a line that begins with its
 * count. `check` looks at the rest, and at what was said before it over this session.
 */
export async function openLines(
  address: string,
  port: number,
  check: (words: string[], before: string[] | null) => void = () => {},
): Promise<Session> {
  const exchange = await openExchange(address, port);
  let before: string[] | null = null;
  const ask = async (question: string) => {
    const line = await exchange.ask(`${question}\n`, firstLine);
    const words = line.split(" ");
    if (!/^\d+$/.test(words[0]!)) throw new WrongAnswer(`to "${question}" it said "${line}"`);
    check(words, before);
    before = words;
    return Number(words[0]);
  };
  return { work: () => ask("work"), done: () => ask("done"), close: exchange.close };
}
