import type { Lab } from "../lab/lab";
import { defaultLabId, withLab } from "../lab/with-lab";
import { fillRedis } from "../support/redis-client";
import { type RedisStackOptions, redisAddress, redisStack } from "../support/redis-story";
import type { BenchOptions } from "./options";

const VALUE_BYTES = 10_000;

/** Runs `work` on a group of three hosts of its own that protects a Redis filled to the memory asked for. */
export async function withFilledRedis<T>(
  { engine, memoryMb }: BenchOptions,
  settings: Omit<RedisStackOptions, "engine">,
  progress: (line: string) => void,
  work: (lab: Lab) => Promise<T>,
): Promise<T> {
  return withLab({ id: `${defaultLabId()}-bench`, hosts: 3 }, async (lab) => {
    const stack = await redisStack(lab, { profile: "fast", ...settings, engine });
    try {
      progress(`setting up a group of three hosts with ${engine}`);
      const up = await stack.up();
      if (up.code !== 0) throw new Error(`pulumi up failed:\n${up.output}`);
      await fillTo(redisAddress(lab), memoryMb);
      return await work(lab);
    } finally {
      stack.dispose();
    }
  });
}

export async function fillTo(address: string, memoryMb: number): Promise<void> {
  await fillRedis(address, { keys: Math.ceil((memoryMb * 1e6) / VALUE_BYTES), bytes: VALUE_BYTES });
}
