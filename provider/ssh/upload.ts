import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import zlib from "node:zlib";
import { runScript, type Session } from "./exec";

export interface UploadArgs {
  /** Absolute path on the host; its folder must exist. */
  path: string;
  /** The content, or a local file that is streamed. */
  content: Buffer | string | LocalFile;
  /** Permissions, e.g. 0o644. */
  mode: number;
  /** `user:group` on the host. @default whoever runs the commands there */
  owner?: string;
  /** Compress on the way (zstd where both sides have it, else gzip). @default false */
  compress?: boolean;
  /** Milliseconds for the transfer. @default 600000 */
  timeoutMs?: number;
}

export interface LocalFile {
  file: string;
  /** Hash of the file, where it is known. @default computed */
  sha256?: string;
  /** The same content compressed with zstd, for a file that goes to many hosts. @default compressed on the way */
  packed?: string;
}

export interface UploadResult {
  /** False where the host had this content already. */
  changed: boolean;
  sha256: string;
}

/**
 * Puts a file on the host: written to a temporary name beside it, synced, checked by its hash there, renamed. Readers
 * see the old file or the new one, never a part; after a failure the old one and no temporary file is there.
 */
export async function uploadFile(session: Session, args: UploadArgs): Promise<UploadResult> {
  const sha256 = await hashOf(args.content);
  const mode = args.mode.toString(8).padStart(4, "0");
  const common = [args.path, sha256, mode, args.owner ?? ""];
  const found = await runScript(session, FIND_SCRIPT, { args: common, label: `look at ${args.path}` });
  const [state, canZstd] = found.stdout.trim().split(" ");
  if (state === "same") return { changed: false, sha256 };

  const codec = args.compress ? (canZstd === "zstd" && hasZstd ? "zstd" : "gzip") : "none";
  await runScript(session, WRITE_SCRIPT, {
    args: [...common, DECODERS[codec]],
    stdin: encoded(args.content, codec),
    timeoutMs: args.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    label: `upload ${args.path}`,
  });
  return { changed: true, sha256 };
}

const DEFAULT_TIMEOUT_MS = 600_000;

/** Prints `same` or `differs`, then what the host can unpack; permissions of a file that stays are put right. */
const FIND_SCRIPT = `
path=$1 sha=$2 mode=$3 owner=$4
codec=gzip; command -v zstd >/dev/null 2>&1 && codec=zstd
if [ -f "$path" ] && [ ! -L "$path" ] && [ "$(sha256sum <"$path")" = "$sha  -" ]; then
  if [ -n "$owner" ]; then chown -- "$owner" "$path" || exit; fi
  chmod -- "$mode" "$path" || exit
  echo "same $codec"
else
  echo "differs $codec"
fi`;

const WRITE_SCRIPT = `
set -eu
path=$1 sha=$2 mode=$3 owner=$4 decoder=$5
umask 077
dir=$(dirname -- "$path")
tmp=$(mktemp -- "$dir/.$(basename -- "$path").XXXXXXXX")
trap 'rm -f -- "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
$decoder >"$tmp"
if [ "$(sha256sum <"$tmp")" != "$sha  -" ]; then
  echo "what arrived is not what was sent (sha256 differs)" >&2
  exit 1
fi
if [ -n "$owner" ]; then chown -- "$owner" "$tmp"; fi
chmod -- "$mode" "$tmp"
sync -- "$tmp"
mv -fT -- "$tmp" "$path"
sync -- "$dir"`;

type Codec = "none" | "gzip" | "zstd";

const DECODERS: Record<Codec, string> = { none: "cat", gzip: "gzip -dc", zstd: "zstd -dcq" };

/** Node before 22.15 has no zstd. */
const hasZstd = typeof zlib.createZstdCompress === "function";

function encoded(content: UploadArgs["content"], codec: Codec): Readable {
  if (codec === "zstd" && isFile(content) && content.packed) return open({ file: content.packed });
  const source = open(content);
  if (codec === "none") return source;
  const encoder = codec === "zstd" ? zlib.createZstdCompress() : zlib.createGzip({ level: 1 });
  pipeline(source, encoder).catch(() => {}); // the encoder carries the error to its reader
  return encoder;
}

async function hashOf(content: UploadArgs["content"]): Promise<string> {
  if (isFile(content) && content.sha256) return content.sha256;
  const hash = createHash("sha256");
  await pipeline(open(content), hash);
  return hash.digest("hex");
}

function open(content: UploadArgs["content"]): Readable {
  if (isFile(content)) return createReadStream(content.file, { highWaterMark: 1 << 18 });
  return Readable.from([Buffer.from(content)]);
}

function isFile(content: UploadArgs["content"]): content is LocalFile {
  return typeof content === "object" && "file" in content;
}
