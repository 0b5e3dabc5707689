import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { parseJson } from "../../contract";
import type { Log } from "../env";
import type { GateConfig, KernelGate, Slot } from "./env";
import { differenceIn, parseListing } from "./listing";
import { type Nft, NftRefused } from "./nft";
import {
  armCommands,
  closeAllCommands,
  configureCommands,
  createCommands,
  dropCommands,
  flipCommands,
  listCommand,
  ownCommands,
} from "./rules";

export interface KernelGateOptions {
  nft: Nft;
  /** The group's interface: parent of all protected containers. */
  interface: string;
  /** Keeps the last configuration over a restart, or a removed table would be rebuilt without protected MACs. */
  configFile: string;
  log: Pick<Log, "warn">;
}

const configSchema = z.strictObject({
  protected: z.array(z.string()),
  here: z.array(z.string()),
  probe: z.array(z.string()),
});

/** The gate as a netdev table of nft. */
export function createKernelGate(o: KernelGateOptions): KernelGate {
  const { nft } = o;
  let config = readConfig(o);
  let rules = "";
  /** What the last command opened; null: not known. */
  let opened: { slot: Slot; macs: readonly string[] } | null = null;

  const replaceOpen = async (slot: Slot, macs: readonly string[]) => {
    opened = { slot, macs };
    try {
      await nft.run(flipCommands(slot, macs));
    } catch (error) {
      opened = null;
      throw error;
    }
  };
  const create = (own: boolean) => [
    ...createCommands({ interface: o.interface, owned: own }),
    ...(config ? configureCommands(config) : []),
  ];
  // Owned where kernel and nft know that; what is there may have an owner or not.
  const anew: Way[] = [
    { owned: true, commands: () => [...dropCommands({ owned: true }), ...create(true)] },
    { owned: true, commands: () => [...dropCommands(), ...create(true)] },
    { owned: false, commands: () => [...dropCommands(), ...create(false)] },
  ];
  const keeping: Way[] = [true, false].map((own) => ({ owned: own, commands: () => create(own) }));
  const make = async (ways: Way[]) => {
    const { owned } = await firstThatWorks(nft, ways);
    nft.atStart(owned ? ownCommands() : []);
    rules = parseListing(await nft.run([listCommand()])).rules;
    if (!owned) o.log.warn("The gate's table can be removed by others: kernel or nft is too old to own it.");
  };
  return {
    // A table that nobody owns is made anew with an owner rather than kept without one.
    ensure: () => make([keeping[0]!, anew[1]!, keeping[1]!, anew[2]!]),
    async rebuild() {
      opened = { slot: "a", macs: [] };
      await make(anew);
    },
    async arm(slot, macs, leaseMs) {
      await nft.run(armCommands(slot, macs, leaseMs));
    },
    flip: replaceOpen,
    async close(macs) {
      if (opened === null) return replaceOpen("a", []);
      const { slot } = opened;
      await replaceOpen(
        slot,
        opened.macs.filter((mac) => !macs.includes(mac)),
      );
    },
    async closeAll() {
      opened = { slot: "a", macs: [] };
      await nft.run(closeAllCommands());
    },
    async configure(next) {
      const commands = configureCommands(next);
      // At once, so that a check that comes after this change expects it.
      config = next;
      writeConfig(o.configFile, next);
      await nft.run(commands);
    },
    async verify() {
      const expected = { rules, config };
      try {
        return differenceIn(parseListing(await nft.run([listCommand()])), expected.rules, expected.config);
      } catch (error) {
        if (error instanceof NftRefused) return error.message;
        throw error;
      }
    },
  };
}

interface Way {
  owned: boolean;
  commands(): string[];
}

async function firstThatWorks(nft: Nft, ways: Way[]): Promise<Way> {
  for (const [index, way] of ways.entries()) {
    try {
      await nft.run(way.commands());
      return way;
    } catch (error) {
      if (!(error instanceof NftRefused) || index === ways.length - 1) throw error;
    }
  }
  throw new Error("no way to make the gate was given");
}

function readConfig(o: KernelGateOptions): GateConfig | null {
  let text: string;
  try {
    text = readFileSync(o.configFile, "utf8");
  } catch {
    return null;
  }
  try {
    return parseJson(configSchema, text, o.configFile);
  } catch (error) {
    o.log.warn(`Going on without the gate's last configuration: ${(error as Error).message}`);
    return null;
  }
}

function writeConfig(file: string, config: GateConfig): void {
  writeFileSync(`${file}.tmp`, JSON.stringify(config), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
