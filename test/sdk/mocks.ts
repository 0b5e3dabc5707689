import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** URNs of what it must wait for. */
  dependsOn: string[];
}

/**
 * Runs a program against mocks and returns what it registered: every input comes back as an output, as it does when
 * a provider fills in nothing.
 */
export async function runProgram(program: () => void): Promise<Map<string, Registered>> {
  const registered = new Map<string, Registered>();
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs }) {
        registered.set(keyOf(type, name), { type, name, inputs, dependsOn: [] });
        return { id: `${name}-id`, state: inputs };
      },
      call: () => ({}),
    },
    "shop",
    "dev",
    false,
  );
  const dependencies = recordDependencies();
  await pulumi.runtime.runInPulumiStack(async () => program());
  await settled();
  for (const [key, urns] of dependencies) registered.get(key)!.dependsOn = urns;
  return registered;
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getDependenciesList(): string[];
}

/** Mocks are not told what a resource waits for; the request to the engine says it. */
function recordDependencies(): Map<string, string[]> {
  const dependencies = new Map<string, string[]>();
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource: (request: RegisterRequest, ...rest: unknown[]) => unknown;
  };
  const original = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, ...rest) => {
    dependencies.set(keyOf(request.getType(), request.getName()), request.getDependenciesList());
    return original(request, ...rest);
  };
  return dependencies;
}

/** `HaGroup g` */
function keyOf(type: string, name: string): string {
  return `${type.split(":").at(-1)} ${name}`;
}

/** Registrations are asynchronous and start each other; the last one is done when a few turns bring no new one. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
