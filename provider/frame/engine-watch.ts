import { connect } from "node:net";

/**
 * Ends this process soon after Pulumi's engine is gone. A killed `pulumi up` leaves the provider's process behind, which
 * would go on changing hosts beside the next `up`; ended, it leaves what every handler can take up again.
 * Does nothing outside of Pulumi's dynamic provider process.
 */
export function watchEngine(argv: readonly string[] = process.argv, end = () => process.exit(1)): void {
  const address = engineAddress(argv);
  if (!address || watched) return;
  watched = true;
  let seen = false;
  let misses = 0;
  const look = async () => {
    if (await answers(address)) {
      seen = true;
      misses = 0;
    } else if (seen && ++misses >= MISSES) {
      clearInterval(timer);
      end();
    }
  };
  const timer = setInterval(look, INTERVAL_MS);
  timer.unref();
  void look();
}

let watched = false;
const INTERVAL_MS = 500;
/** More than one, since a busy machine may refuse once. */
const MISSES = 2;

/** `node .../cmd/dynamic-provider 127.0.0.1:41234` */
function engineAddress(argv: readonly string[]): { host: string; port: number } | undefined {
  if (!/[\\/]dynamic-provider([\\/]index\.js)?$/.test(argv[1] ?? "")) return undefined;
  const found = argv
    .slice(2)
    .map((word) => /^([\w.]+):(\d+)$/.exec(word))
    .find((match) => match !== null);
  return found ? { host: found[1]!, port: Number(found[2]) } : undefined;
}

function answers(address: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout: INTERVAL_MS });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
    // A machine that is too busy to answer is not a dead engine: that one refuses.
    socket.once("timeout", () => settle(true));
  });
}
