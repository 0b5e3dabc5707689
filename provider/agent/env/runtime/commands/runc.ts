/** Where each engine keeps runc's state; the first folder that knows the container is it. */
export const runcRoots = {
  podman: ["/run/runc"],
  docker: ["/run/docker/runtime-runc/moby", "/run/containerd/runc/moby"],
} as const;

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
  delete: ({ root, id }: { root: string; id: string }) => ["runc", "--root", root, "delete", "--force", id],
  version: () => ["runc", "--version"],
};
