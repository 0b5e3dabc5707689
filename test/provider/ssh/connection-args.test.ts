import assert from "node:assert/strict";
import { UserError } from "../../../provider/errors";
import { type ConnectionArgs, connectionName, parseConnection } from "../../../provider/ssh/connection-args";

const hostKey = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";

describe("connection arguments", () => {
  it("get the documented defaults", () => {
    assert.deepEqual(parseConnection({ host: "10.0.0.1", hostKey }), {
      host: "10.0.0.1",
      hostKey,
      user: "root",
      port: 22,
      dialErrorLimit: 10,
      perDialTimeout: 15,
      sudo: false,
      insecure: false,
    });
  });

  it("need a host key, unless `insecure` is said explicitly", () => {
    assert.match(problem({ host: "a" }), /^connection\.hostKey: is missing: .*ssh-keyscan a.*insecure: true/);
    assert.equal(parseConnection({ host: "a", insecure: true }).insecure, true);
    assert.match(problem({ host: "a", insecure: true, hostKey }), /^connection\.hostKey: contradicts/);
  });

  it("are checked at every hop, with the path of the field", () => {
    const proxy = { host: "b", hostKey, proxy: { host: "c", insecure: true } };
    assert.equal(parseConnection({ host: "a", hostKey, proxy }).proxy?.proxy?.user, "root");
    assert.match(
      problem({ host: "a", hostKey, proxy: { host: "b", hostKey, proxy: { host: "c" } } }),
      /^connection\.proxy\.proxy\.hostKey: is missing/,
    );
    assert.match(
      problem({ host: "a", hostKey, proxy: { host: "b", hostKey, port: 70000 } }),
      /^connection\.proxy\.port: should be a port/,
    );
  });

  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ["an unknown key", { hostname: "a" }, /hostname/],
    ["a port that is a text", { port: "22" }, /^connection\.port: .*number/],
    [
      "a host with a user in it",
      { host: "root@a" },
      /^connection\.host: should be a host name or an IP address/,
    ],
    ["a zero dial error limit", { dialErrorLimit: 0 }, /^connection\.dialErrorLimit: should be 1 or more/],
    ["a negative timeout", { perDialTimeout: -1 }, /^connection\.perDialTimeout: should be/],
    ["a host key that is none", { hostKey: "abc" }, /^connection\.hostKey: has a line that is neither/],
    ["an empty password", { password: "" }, /^connection\.password: should not be empty/],
  ];
  for (const [what, change, expected] of wrong) {
    it(`refuse ${what}`, () => {
      assert.match(problem({ host: "a", hostKey, ...change } as ConnectionArgs), expected);
    });
  }

  it("name the caller's path", () => {
    assert.throws(
      () => parseConnection({ host: "a" }, "hosts[1].connection"),
      /^UserError: hosts\[1\]\.connection\.hostKey: /,
    );
  });

  it("give the name that messages use", () => {
    assert.equal(connectionName({ user: "root", host: "a", port: 22 }), "root@a");
    assert.equal(connectionName({ user: "me", host: "a", port: 2222 }), "me@a:2222");
  });
});

function problem(args: ConnectionArgs): string {
  try {
    parseConnection(args);
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error.message;
  }
  throw new assert.AssertionError({ message: "was accepted" });
}
