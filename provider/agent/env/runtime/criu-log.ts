/** What CRIU said in its own words, and what it means for people where that is known. */
export interface CriuReason {
  said: string[];
  meaning: string | null;
  /** It lies in what the container is: no repetition changes it. */
  lasting: boolean;
}

/** Said on every run, by hosts without CAP_SYS_RESOURCE for example, without any effect. */
const HARMLESS = [/Can't setup RLIMIT_NOFILE/, /cgroupd: recv req error/];
/** Said at the end of every failure; they explain nothing. */
const EMPTY = [/(Dumping|Restoring|Pre-dumping) FAILED/, /^criu failed/, /failed with -\d+$/];
const SHOWN = 4;

/** Reads CRIU's log of a run that failed. */
export function criuReason(log: string): CriuReason {
  const errors = log.split("\n").flatMap((line) => {
    const text = /Error \([^)]*\): (.*)$/.exec(line)?.[1]?.trim();
    return text && !HARMLESS.some((pattern) => pattern.test(text)) ? [text] : [];
  });
  const telling = errors.filter((text) => !EMPTY.some((pattern) => pattern.test(text)));
  const said = [...new Set(telling.length > 0 ? telling : errors)].slice(0, SHOWN);
  const [, meaning = null, passes = true] =
    MEANINGS.find(([pattern]) => said.some((line) => pattern.test(line))) ?? [];
  return { said, meaning, lasting: !passes };
}

/** One sentence for an error: CRIU's words first, then what they mean. */
export function criuSentence({ said, meaning }: Pick<CriuReason, "said" | "meaning">): string {
  const words = said.length > 0 ? `CRIU says: ${said.join("; ")}` : "CRIU gave no reason in its log";
  return meaning ? `${words}. ${meaning}` : words;
}

const LASTING = false;
const PASSES = true;
const MEANINGS: [said: RegExp, meaning: string, passes: boolean][] = [
  [
    /io_uring/,
    "It uses io_uring, which CRIU cannot dump: switch it off in the application's settings.",
    LASTING,
  ],
  [
    /External socket is used|ext-unix-sk|half of stream unix connection|unix.*(external|peer)/i,
    "It has a unix socket whose other end is outside the container: only sockets within the container can be dumped.",
    LASTING,
  ],
  [
    /ghost file|ghost limit/i,
    "It keeps a large deleted file open; CRIU puts such files into the checkpoint only up to 64 MB.",
    LASTING,
  ],
  [
    /mount.*(root mount|external|unreachable|unsupported)|unknown.*external mount|doesn't have a proper root/i,
    "It has a mount from outside, which another host does not have: bind mounts and devices cannot be protected.",
    LASTING,
  ],
  [
    /fsnotify|inotify|fanotify|irmap/i,
    "It watches files with inotify or fanotify in a way that CRIU cannot find again.",
    LASTING,
  ],
  [/nvidia|amdgpu|kfd|\/dev\/dri/i, "It uses a GPU, whose memory CRIU cannot dump here.", LASTING],
  [/\btty|\bpt(y|mx)/i, "It has a terminal: run it without one.", LASTING],
  [
    /already traced|ptrace.*(attach|seize)|Unable to (attach|interrupt)/i,
    "Another program traces one of its processes (strace, a debugger).",
    PASSES,
  ],
  [/netlink/i, "It has unread data in a netlink socket, which CRIU cannot dump.", PASSES],
  [
    /Unknown|[Uu]nsupported.*(sock|proto|family|domain)|Can't dump.*(sock|file)|anon_inode/,
    "It has an open file or socket of a kind that CRIU cannot dump.",
    LASTING,
  ],
  [/No space left/, "The file system for checkpoints is full.", PASSES],
];
