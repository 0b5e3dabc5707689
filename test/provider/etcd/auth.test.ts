import assert from "node:assert/strict";
import { type AuthView, authCommands, parseRole, permissionsOf } from "../../../provider/etcd/auth";

const nothing: AuthView = { users: new Map(), roles: new Map() };
const lines = (found: AuthView, hosts = ["a"]) =>
  authCommands({ group: "g", hosts, found }).map((command) => command.join(" "));
const complete: AuthView = {
  users: new Map([
    ["root", ["root"]],
    ["a", ["host-a"]],
  ]),
  roles: new Map([
    ["root", []],
    ["host-a", permissionsOf("g", "a")],
  ]),
};

describe("etcd's users", () => {
  it("are root and one per host, which may write only its own records and the shared ones", () => {
    assert.deepEqual(lines(nothing), [
      "role add root",
      "user add root --no-password",
      "user grant-role root root",
      "role add host-a",
      "role grant-permission --prefix host-a read /ha/g/",
      "role grant-permission --prefix host-a readwrite /ha/g/host/a/",
      "role grant-permission --prefix host-a readwrite /ha/g/fence/",
      "role grant-permission --prefix host-a readwrite /ha/g/fence-intent/",
      "role grant-permission --prefix host-a readwrite /ha/g/ct/",
      "role grant-permission --prefix host-a readwrite /ha/g/rule/",
      "role grant-permission --prefix host-a readwrite /ha/g/declared",
      "role grant-permission --prefix host-a readwrite /ha/g/rebuilt",
      "user add a --no-password",
      "user grant-role a host-a",
    ]);
  });

  it("are left alone when they are as they should be", () => assert.deepEqual(lines(complete), []));

  it("are completed after an interrupted run", () => {
    const found: AuthView = {
      users: new Map([
        ["root", []],
        ["a", []],
      ]),
      roles: new Map([
        ["root", []],
        ["host-a", permissionsOf("g", "a").slice(0, 5)],
      ]),
    };
    assert.deepEqual(lines(found), [
      "user grant-role root root",
      "role grant-permission --prefix host-a readwrite /ha/g/rule/",
      "role grant-permission --prefix host-a readwrite /ha/g/declared",
      "role grant-permission --prefix host-a readwrite /ha/g/rebuilt",
      "user grant-role a host-a",
    ]);
  });

  it("of hosts that left are removed", () => {
    assert.deepEqual(
      lines({
        users: new Map([...complete.users, ["old", ["host-old"]]]),
        roles: new Map([...complete.roles, ["host-old", []]]),
      }),
      ["user delete old", "role delete host-old"],
    );
  });

  it("are read from etcdctl's JSON, where the type of a read permission is left out", () => {
    const key = (text: string) => Buffer.from(text).toString("base64");
    const json = JSON.stringify({
      header: { revision: 3 },
      perm: [
        { key: key("/ha/g/"), range_end: key("/ha/g0") },
        { permType: 2, key: key("/ha/g/ct/"), range_end: key("/ha/g/ct0") },
      ],
    });
    assert.deepEqual(parseRole(json), [
      { prefix: "/ha/g/", type: "read" },
      { prefix: "/ha/g/ct/", type: "readwrite" },
    ]);
    assert.deepEqual(parseRole("{}"), []);
  });
});
