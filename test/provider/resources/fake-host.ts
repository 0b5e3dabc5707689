import type { RunResult } from "../../../provider/ssh/exec";
import type { HostSession } from "../../../provider/ssh/session";

export interface FakeHost {
  session: HostSession;
  /** What was done, in order: command lines, `upload PATH`, labels of scripts. */
  done: string[];
  files: Map<string, string>;
}

/** A host that only writes down what it is asked for. `answer` gives the output of a command or script. */
export function fakeHost(o: {
  files?: Record<string, string>;
  answer?: (asked: string) => Partial<RunResult> | undefined;
}): FakeHost {
  const done: string[] = [];
  const files = new Map(Object.entries(o.files ?? {}));
  const reply = (asked: string): RunResult => {
    done.push(asked);
    return { code: 0, stdout: "", stderr: "", ...o.answer?.(asked) };
  };
  const session: Partial<HostSession> = {
    name: "root@ha1",
    run: async (argv) => reply(argv.join(" ")),
    script: async (_text, options) => reply([options?.label, ...(options?.args ?? [])].join(" ")),
    upload: async ({ path, content }) => {
      const text = typeof content === "object" && "file" in content ? content.file : content.toString();
      const changed = files.get(path) !== text;
      done.push(`upload ${path}`);
      files.set(path, text);
      return { changed, sha256: "" };
    },
    readFile: async (path) => files.get(path) ?? null,
  };
  return { session: session as HostSession, done, files };
}
