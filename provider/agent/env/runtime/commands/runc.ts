/** Where each engine keeps runc's state; the first folder that knows the container is it. */
export const runcRoots = {
  podman: ["/run/runc"],
  docker: ["/run/docker/runtime-runc/moby", "/run/containerd/runc/moby"],
} as const;

interface ExecPlan {
  root: string;
  id: string;
  cgroup: string;
  pidFile: string;
  command: readonly string[];
}

export const runc = {
  /** Below the engine, which does not notice. The container must be frozen: CRIU would poll for it by 100 ms. */
  checkpoint: ({ root, id, images, work }: { root: string; id: string; images: string; work: string }) => [
    "runc",
    "--root",
    root,
    "checkpoint",
    "--leave-running",
    "--tcp-established",
    "--image-path",
    images,
    "--work-path",
    work,
    id,
  ],
  /** What tells a checkpoint of this container from other programs. */
  checkpointWords: (id: string) => ["runc", "checkpoint", id],
  /**
   * Below the engine, whose lock or daemon is then no matter. The file of the process id tells that the command began;
   * `cgroup` lies in the container's own and has to be there.
   */
  exec: ({ root, id, cgroup, pidFile, command }: ExecPlan) => [
    "runc",
    "--root",
    root,
    "exec",
    "--cgroup",
    cgroup,
    "--pid-file",
    pidFile,
    id,
    ...command,
  ],
  delete: ({ root, id }: { root: string; id: string }) => ["runc", "--root", root, "delete", "--force", id],
  version: () => ["runc", "--version"],
};
