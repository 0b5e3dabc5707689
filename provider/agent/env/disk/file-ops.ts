import { open, rename, rm } from "node:fs/promises";

/** The steps whose order makes a generation durable; the tests crash between any two of them. */
export interface FileOps {
  /** Write a new file; nothing about it is durable yet. */
  write(path: string, text: string): Promise<void>;
  /** fsync a file or folder. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Remove a file or a whole folder; nothing there is success. */
  remove(path: string): Promise<void>;
}

export const fileOps: FileOps = {
  write: async (path, text) => {
    const file = await open(path, "w", 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  },
  sync: async (path) => {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
};
