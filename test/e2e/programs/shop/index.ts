import * as pulumi from "@pulumi/pulumi";
import { AntiAffinityRule, ProtectedContainer } from "pulumi-container-ha";

const config = new pulumi.Config();
const platform = new pulumi.StackReference(config.require("platform"));
const group = platform.requireOutput("handle");

const containers = Object.entries(config.requireObject<Record<string, string>>("containers")).map(
  ([name, address]) =>
    new ProtectedContainer(name, {
      group,
      image: { archive: config.require("archive") },
      virtualIps: [address],
      probes: [{ tcp: { port: 6379 } }],
    }),
);
if (containers.length > 1) new AntiAffinityRule("apart", { group, containers });
