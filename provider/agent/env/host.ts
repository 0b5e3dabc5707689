import { randomUUID, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { check, paths } from "../../contract";
import type { HostPort } from "../env";
import { certificateFault } from "./certificate-fault";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const MEMINFO = "/proc/meminfo";

const sessionFileSchema = z.strictObject({
  sid: z.string().min(1),
  bootId: z.string().min(1),
  record: z.string(),
});

/** What the agent asks of its own host. */
export function createHost({
  session = paths.session as string,
  lastSession = paths.lastSession as string,
  cert = paths.tls.cert as string,
  ca = paths.tls.ca as string,
  host = "",
} = {}): HostPort {
  return {
    bootId: async () => (await readFile(BOOT_ID, "utf8")).trim(),

    readSession: async () => {
      const text = await textOrNull(session);
      // A torn file proves no control over anything: like none, it costs the copies here, never a second owner.
      const parsed = text === null ? null : check(sessionFileSchema, jsonOrNull(text));
      return parsed?.ok ? parsed.value : null;
    },

    writeSession: async (content) => {
      await replaceFile(lastSession, `${content.sid}\n`);
      await replaceFile(session, `${JSON.stringify(content)}\n`);
    },

    lastSid: async () => (await textOrNull(lastSession))?.trim() || null,

    newSid: () => randomUUID(),

    memoryMb: async () => availableMb(await readFile(MEMINFO, "utf8")),

    certificateUntil: async () => new X509Certificate(await readFile(cert)).validToDate.toISOString(),

    certificateFault: async () => {
      const [own, trusted] = await Promise.all([readFile(cert, "utf8"), readFile(ca, "utf8")]);
      return certificateFault({ cert: own, ca: trusted }, { host, now: Date.now() });
    },
  };
}

/** MemAvailable of `/proc/meminfo`, in MiB. */
export function availableMb(meminfo: string): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo);
  if (!match) throw new Error(`${MEMINFO} does not tell MemAvailable`);
  return Math.floor(Number(match[1]) / 1024);
}

/** Null: there is no such file. */
function textOrNull(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
