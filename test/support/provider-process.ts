import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb";
import providerProto from "@pulumi/pulumi/proto/provider_pb";
import statusProto from "@pulumi/pulumi/proto/status_pb";
import structProto from "google-protobuf/google/protobuf/struct_pb";
import { checkout } from "../lab/paths";

type Values = Record<string, unknown>;

/** Pulumi's own provider process with the package installed beside a program, as at a user's, without the CLI. */
export interface ProviderProcess {
  create(inputs: Values): Promise<{ id: string; outs: Values }>;
  check(news: Values): Promise<{ inputs: Values; failures: { property: string; reason: string }[] }>;
  diff(
    id: string,
    olds: Values,
    news: Values,
  ): Promise<{ changes: boolean; replaces: string[]; deleteBeforeReplace: boolean }>;
  update(id: string, olds: Values, news: Values): Promise<Values>;
  read(id: string, props: Values): Promise<{ id: string; props: Values }>;
  delete(id: string, props: Values): Promise<void>;
  /** All that it printed. */
  output(): string;
  /** What it calls the engine goes away. */
  killEngine(): Promise<void>;
  exited: Promise<number | null>;
  stop(): Promise<void>;
}

/** What arrives at the engine when a method throws. */
export class ProviderFailure extends Error {
  /** Of a partial failure: the resource is kept with these properties. */
  partial?: { id: string; properties: Values; reasons: string[] };
}

export async function startProviderProcess(
  environment: Record<string, string> = {},
): Promise<ProviderProcess> {
  const folder = makeProject();
  const engine = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
  const { child, port, output } = await startProcess(folder, engine, environment);
  const client = new providerGrpc.ResourceProviderClient(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
  );
  const call = caller(client as unknown as Methods);
  const configure = new providerProto.ConfigureRequest();
  configure.setArgs(struct({}));
  await call("configure", configure);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const closeEngine = () => new Promise<void>((resolve) => void engine.close(() => resolve()));

  return {
    async create(inputs) {
      const request = new providerProto.CreateRequest();
      request.setProperties(struct(inputs));
      const response = await call<InstanceType<typeof providerProto.CreateResponse>>("create", request);
      return { id: response.getId(), outs: values(response.getProperties()) };
    },
    async check(news) {
      const request = new providerProto.CheckRequest();
      request.setOlds(struct({}));
      request.setNews(struct(news));
      const response = await call<InstanceType<typeof providerProto.CheckResponse>>("check", request);
      const failures = response.getFailuresList().map((failure) => failure.toObject());
      return { inputs: values(response.getInputs()), failures };
    },
    async diff(id, olds, news) {
      const request = new providerProto.DiffRequest();
      request.setId(id);
      request.setOlds(struct(olds));
      request.setNews(struct(news));
      const response = await call<InstanceType<typeof providerProto.DiffResponse>>("diff", request);
      return {
        changes: response.getChanges() === providerProto.DiffResponse.DiffChanges.DIFF_SOME,
        replaces: response.getReplacesList(),
        deleteBeforeReplace: response.getDeletebeforereplace(),
      };
    },
    async update(id, olds, news) {
      const request = new providerProto.UpdateRequest();
      request.setId(id);
      request.setOlds(struct(olds));
      request.setNews(struct(news));
      const response = await call<InstanceType<typeof providerProto.UpdateResponse>>("update", request);
      return values(response.getProperties());
    },
    async read(id, props) {
      const request = new providerProto.ReadRequest();
      request.setId(id);
      request.setProperties(struct(props));
      const response = await call<InstanceType<typeof providerProto.ReadResponse>>("read", request);
      return { id: response.getId(), props: values(response.getProperties()) };
    },
    async delete(id, props) {
      const request = new providerProto.DeleteRequest();
      request.setId(id);
      request.setProperties(struct(props));
      await call("delete", request);
    },
    output,
    killEngine: closeEngine,
    exited,
    async stop() {
      client.close();
      child.kill();
      await exited;
      if (engine.listening) await closeEngine();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A program's folder in which the package is installed: its compiled code is the one under test. */
function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "provider-process-"));
  const modules = join(folder, "node_modules");
  const installed = join(modules, "pulumi-container-ha");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, "package.json"), readFileSync(join(checkout, "package.json")));
  symlinkSync(join(__dirname, "../.."), join(installed, "dist"));
  symlinkSync(join(checkout, "node_modules/@pulumi"), join(modules, "@pulumi"));
  return folder;
}

async function startProcess(folder: string, engine: Server, environment: Record<string, string>) {
  const main = join(dirname(require.resolve("@pulumi/pulumi/package.json")), "cmd/dynamic-provider/index.js");
  const address = `127.0.0.1:${(engine.address() as AddressInfo).port}`;
  const child: ChildProcess = spawn(process.execPath, [main, address], {
    cwd: folder,
    env: { ...process.env, PULUMI_NODEJS_PROJECT: "project", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stderr!.on("data", (data: Buffer) => {
    text += data;
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the provider process ended with ${code}: ${text}`)));
    child.stdout!.on("data", (data: Buffer) => {
      const before = text;
      text += data;
      if (before === "") resolve(text.trim().split("\n")[0]!);
    });
  });
  return { child, port, output: () => text };
}

type Methods = Record<
  string,
  (request: unknown, callback: (error: grpc.ServiceError | null, value: never) => void) => void
>;

function caller(client: Methods) {
  return <T = unknown>(method: string, request: unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      client[method]!(request, (error, value) => (error ? reject(failureOf(error)) : resolve(value)));
    });
}

function failureOf(error: grpc.ServiceError): ProviderFailure {
  const failure = new ProviderFailure(error.details);
  const [details] = error.metadata.get("grpc-status-details-bin");
  if (Buffer.isBuffer(details)) {
    const detail = statusProto.Status.deserializeBinary(details).getDetailsList()[0]!;
    const partial = providerProto.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
    failure.partial = {
      id: partial.getId(),
      properties: values(partial.getProperties()),
      reasons: partial.getReasonsList(),
    };
  }
  return failure;
}

function struct(plain: Values) {
  return structProto.Struct.fromJavaScript(plain as Record<string, structProto.JavaScriptValue>);
}

function values(properties: { toJavaScript(): unknown } | undefined): Values {
  return (properties?.toJavaScript() ?? {}) as Values;
}
