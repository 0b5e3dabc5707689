import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type LabCommand, labUsage, parseLabCommand, UsageError } from "./cli";
import { type Lab, openLab, removeLab } from "./lab";
import { cacheFolder, labsFolder } from "./paths";
import { upLab } from "./up";
import { defaultLabId, removeAbandonedLabs } from "./with-lab";

const id = defaultLabId();

async function main(args: string[]): Promise<void> {
  const { command, json } = parseLabCommand(args);
  const say = (sentence: string) => json || console.log(sentence);
  const result = await perform(command, say);
  if (json) console.log(JSON.stringify(result ?? { ok: true }));
}

async function perform(command: LabCommand, say: (sentence: string) => void): Promise<object | undefined> {
  switch (command.verb) {
    case "up": {
      const onStep = (what: string, seconds: number) => say(`  ${what} (${seconds.toFixed(1)} s)`);
      const lab = await upLab({ id, hosts: command.hosts, onStep });
      return showStatus(lab, say);
    }
    case "down":
      await removeLab(id);
      await removeAbandonedLabs();
      say("The lab is down; nothing of it is left on this machine.");
      return undefined;
    case "status":
      return showStatus(theLab(), say);
    case "kill":
      await theLab().kill(command.host);
      say(`${command.host} has no power any more.`);
      return undefined;
    case "start":
      await theLab().start(command.host);
      say(`${command.host} has booted.`);
      return undefined;
    case "pause":
      await theLab().pause(command.host);
      say(`All processes of ${command.host} stand still.`);
      return undefined;
    case "resume":
      await theLab().resume(command.host);
      say(`${command.host} goes on.`);
      return undefined;
    case "isolate":
      await theLab().isolate(command.host, command);
      say(`Cut off: ${describeCuts(theLab())}.`);
      return undefined;
    case "heal":
      await theLab().heal();
      say("Every host reaches every other again.");
      return undefined;
    case "logs":
      process.stdout.write(await theLab().logs(command.host, { lines: command.lines }));
      return undefined;
    case "ssh":
      process.exitCode = openShell(theLab(), command);
      return undefined;
    case "clean":
      for (const lab of existsSync(labsFolder()) ? readdirSync(labsFolder()) : []) await removeLab(lab);
      await removeLab(id);
      rmSync(cacheFolder(), { recursive: true, force: true });
      say(`Labs and caches are gone: ${cacheFolder()}`);
      return undefined;
  }
}

function theLab(): Lab {
  const lab = openLab(id);
  if (lab === undefined) throw new Error(`there is no lab "${id}" yet: npm run lab -- up`);
  return lab;
}

function showStatus(lab: Lab, say: (sentence: string) => void): object {
  const hosts = lab.hosts.map((host) => ({ ...host, power: lab.power(host.name) }));
  say(`lab ${lab.id}: network ${lab.subnet}.0/24, this machine is ${lab.clientAddress}`);
  for (const host of hosts) say(`  ${host.name.padEnd(15)} ${host.address.padEnd(15)} ${host.power}`);
  if (lab.cuts().length > 0) say(`  cut off: ${describeCuts(lab)}`);
  say(`  ssh key ${hosts[0]?.privateKeyPath ?? "none"}; images from registry.lab:5000 (redis-lab)`);
  return { id: lab.id, subnet: lab.subnet, clientAddress: lab.clientAddress, hosts, cuts: lab.cuts() };
}

function describeCuts(lab: Lab): string {
  const end = (port: string) => (port === "*" ? "all others" : port);
  return lab
    .cuts()
    .map((cut) => `${end(cut.from)} to ${end(cut.to)}`)
    .join(", ");
}

function openShell(lab: Lab, { host, command }: { host: string; command: string[] }): number {
  const target = lab.host(host);
  const options = [
    "-i",
    target.privateKeyPath,
    "-o",
    `UserKnownHostsFile=${join(lab.folder, "known_hosts")}`,
  ];
  const quiet = ["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5"];
  const argv = [...options, ...quiet, `${target.user}@${target.address}`, ...command];
  return spawnSync("ssh", argv, { stdio: "inherit" }).status ?? 255;
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`lab: ${error.message}`);
  if (error instanceof UsageError) console.error(`\n${labUsage}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
