import { z } from "zod";
import { nameSchema } from "../../../contract";
import type { GenerationRef } from "../../env";
import { GenerationRefused, type RefusalReason } from "../disk/refused";

/** Header that announces the sha256 of a generation's manifest, which vouches for all else. */
export const MANIFEST_HEADER = "x-manifest-sha256";

/** How long a transfer may stand still before it counts as broken, ms. */
export const STALL_MS = 10_000;

export function generationPath({ container, epoch, gen }: GenerationRef): string {
  return `/generation/${container}/${epoch}/${gen}`;
}

/** Where a generation that is still being dumped is streamed to. */
export function imagesPath({ container, epoch, gen }: GenerationRef): string {
  return `/images/${container}/${epoch}/${gen}`;
}

/** Null: the path is not of a generation. */
export function parseGenerationPath(
  path: string,
): (GenerationRef & { kind: "generation" | "images" }) | null {
  const match = /^\/(generation|images)\/([^/]+)\/([1-9]\d{0,14})\/([1-9]\d{0,14})$/.exec(path);
  if (!match || !nameSchema.safeParse(match[2]).success) return null;
  const kind = match[1] as "generation" | "images";
  return { kind, container: match[2]!, epoch: Number(match[3]), gen: Number(match[4]) };
}

/** Header by which the sender of a request says how often it wants a sign of life, ms. */
export const PROGRESS_HEADER = "x-progress-ms";

const statusOf: Record<RefusalReason, number> = {
  "older-epoch": 409,
  superseded: 409,
  mismatch: 422,
  "not-found": 404,
  "disk-full": 507,
  "read-only": 507,
  failed: 500,
};

/** A refusal as an HTTP status and body, and back. */
export function refusalReply(error: unknown): { status: number; body: { reason: string; message: string } } {
  const reason = error instanceof GenerationRefused ? error.reason : "failed";
  return { status: statusOf[reason], body: { reason, message: (error as Error).message } };
}

const refusalSchema = z.object({
  reason: z.enum(Object.keys(statusOf) as [RefusalReason, ...RefusalReason[]]),
  message: z.string(),
});

export function refusalFrom(peer: string, status: number, body: string): GenerationRefused {
  const parsed = refusalSchema.safeParse(parsedJson(body));
  if (parsed.success) return new GenerationRefused(parsed.data.reason, `${peer}: ${parsed.data.message}`);
  return new GenerationRefused("failed", `${peer} answered with HTTP status ${status}`);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
