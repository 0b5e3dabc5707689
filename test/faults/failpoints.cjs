// Loaded into the lease process of a test host before its own code. Each step of a renewal (safety.md 1.2) is a point
// at which the process can be stopped or killed: write `POINT SIGNAL` into the file, and the next pass takes it.
const childProcess = require("node:child_process");
const { readFileSync, unlinkSync } = require("node:fs");
const http2 = require("node:http2");

const order = "/run/failpoint";

function pass(point) {
  let wanted;
  try {
    wanted = readFileSync(order, "utf8").trim().split(" ");
  } catch {
    return;
  }
  if (wanted[0] !== point) return;
  unlinkSync(order);
  process.kill(process.pid, wanted[1]);
}

const stepOf = (text) => (/ timeout \d+ms/.test(text) ? "arm" : / gin \{/.test(text) ? "flip" : null);

const { spawn } = childProcess;
childProcess.spawn = (...args) => {
  const child = spawn(...args);
  if (!child.stdin || !child.stdout) return child;
  let step = null;
  const write = child.stdin.write.bind(child.stdin);
  child.stdin.write = (text, ...rest) => {
    step = stepOf(String(text));
    if (step) pass(`before-${step}`);
    return write(text, ...rest);
  };
  child.stdout.on("data", () => {
    if (step) pass(`after-${step}`);
    step = null;
  });
  return child;
};

const { connect } = http2;
http2.connect = (...args) => {
  const session = connect(...args);
  const request = session.request.bind(session);
  session.request = (headers, ...rest) => {
    const isTxn = String(headers[":path"]).endsWith("/Txn");
    if (isTxn) pass("before-send");
    const stream = request(headers, ...rest);
    if (isTxn) {
      setImmediate(() => pass("after-send"));
      stream.once("data", () => pass("after-ack"));
    }
    return stream;
  };
  return session;
};
