// Every answer waits for a timer, and an interval counts beside it.
const { createServer } = require("node:net");

const PORT = 7000;
const ANSWER_MS = 5;
const TICK_MS = 20;
let count = 0;
let ticks = 0;

setInterval(() => {
  ticks += 1;
}, TICK_MS);

createServer((socket) => {
  let text = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    const lines = (text + chunk).split("\n");
    text = lines.pop();
    for (const line of lines) {
      setTimeout(() => {
        if (line === "work") count += 1;
        socket.write(`${count} ${ticks}\n`);
      }, ANSWER_MS);
    }
  });
}).listen(PORT);
