import assert from "node:assert/strict";
import { run } from "../../../provider/agent/cli/run";
import { fakeIo } from "./fake-io";

const OPTIONS = "# the rack's PDU\nip=10.9.0.1\nusername=ha\npassword=s3cret=\n\nplug=4\n";

describe("container-ha fence-agent", () => {
  let calls: [string, string][];
  let written: string;
  let slept: number;

  /** The exit codes that the fence agent ends with, one call after the other. */
  function call(codes: (number | null)[], { options = OPTIONS, stderr = "" } = {}): Promise<number> {
    const io = fakeIo({
      out: (text) => {
        written += text;
      },
      readSecret: async () => options,
      runProgram: async (program, input) => {
        calls.push([program, input]);
        return { code: codes[calls.length - 1] ?? null, stderr };
      },
      sleep: async (ms) => {
        slept += ms;
      },
    });
    return run(["fence-agent", "fence_apc", "/etc/fencing/b.conf"], io);
  }
  beforeEach(() => {
    calls = [];
    written = "";
    slept = 0;
  });

  it("switches off, then succeeds when the device says that the machine is off", async () => {
    assert.equal(await call([0, 2]), 0);
    const options = "ip=10.9.0.1\nusername=ha\npassword=s3cret=\nplug=4\n";
    assert.deepEqual(calls, [
      ["fence_apc", `${options}action=off\n`],
      ["fence_apc", `${options}action=status\n`],
    ]);
    assert.equal(written, "fence_apc: the machine is off.\n");
  });

  it("looks again while the machine is still on", async () => {
    assert.equal(await call([0, 0, 0, 2]), 0);
    assert.equal(slept, 4000);
  });

  const refusals: [string, Parameters<typeof call>, RegExp][] = [
    [
      "could not switch off",
      [[1], { stderr: "x\nUnable to connect\n" }],
      /^CliError: fence_apc could not switch the machine off: Unable to connect$/,
    ],
    [
      "got wrong options, which its status would tell like off",
      [[2, 2]],
      /could not switch the machine off: exit status 2$/,
    ],
    [
      "cannot tell the status",
      [[0, 1]],
      /^CliError: fence_apc cannot tell whether the machine is off: exit status 1$/,
    ],
    ["was ended while it was asked", [[0, null]], /cannot tell whether the machine is off: it was ended$/],
    [
      "finds it on for too long",
      [[0, ...Array(10).fill(0)]],
      /^CliError: fence_apc says that the machine is still on$/,
    ],
    [
      "has a file with a line that is no option",
      [[], { options: "ip=1\nsecret word" }],
      /option 2 is not of the form key=value$/,
    ],
    ["has a file with an action of its own", [[], { options: "action=on" }], /an action is not for the file/],
  ];
  for (const [what, parameters, message] of refusals) {
    it(`fails where the fence agent ${what}`, () => assert.rejects(call(...parameters), message));
  }
});
