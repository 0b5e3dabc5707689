/**
 * Says what a long step is, how long it usually takes, and how long it took; stdout is left to the program that follows.
 */
export async function step(title, work, { usually } = {}) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  say(usually === undefined ? `${title} ...` : `${title}, usually ${usually} ...`);
  const pulse = setInterval(() => say(`${title}: still at work after ${seconds()}`), 20_000);
  try {
    const result = await work((detail) => say(`${title}: ${detail} (${seconds()})`));
    say(`${title}: done in ${seconds()}`);
    return result;
  } catch (error) {
    say(`${title}: failed after ${seconds()}`);
    throw error;
  } finally {
    clearInterval(pulse);
  }
}

export function say(sentence) {
  process.stderr.write(`set-up: ${sentence}\n`);
}
