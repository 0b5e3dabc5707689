// bootstrap.mjs WHAT [ARGUMENTS...]: what every npm script calls. Makes sure of what WHAT needs, then runs it on the
// Node that comes as a package. Runs on Node 18 without any package; everything it prints goes to stderr.

import { build } from "./build.mjs";
import { capabilities, describeMissing } from "./capabilities.mjs";
import { labEnvironment } from "./lab-environment.mjs";
import { ensurePackages, node24, pathWithNode24 } from "./packages.mjs";
import { checkout } from "./paths.mjs";
import { asRootWith, canBeRoot, Failure, runProgram } from "./programs.mjs";
import { say } from "./progress.mjs";

const programs = {
  build: { build: true },
  format: { run: ["node_modules/@biomejs/biome/bin/biome", "format", "--write", "."] },
  lint: { run: ["node_modules/@biomejs/biome/bin/biome", "lint", "."] },
  unit: { run: ["test/setup/run-tests.mjs", "--unit"] },
  test: { run: ["test/setup/run-tests.mjs"] },
  sim: { build: true, run: ["dist/test/sim/main.js"] },
  lab: { build: true, lab: true, run: ["dist/test/lab/main.js"] },
  demo: { build: true, lab: true, run: ["dist/test/demo/main.js"] },
  bench: { build: true, lab: true, run: ["dist/test/bench/main.js"] },
  faults: { build: true, lab: true, run: ["dist/test/faults/main.js"] },
  storm: { build: true, lab: true, run: ["dist/test/storm/main.js"] },
};

async function main([what, ...args]) {
  const program = programs[what];
  if (program === undefined)
    throw new Failure(`bootstrap.mjs: expected one of ${Object.keys(programs).join(", ")}`);
  process.chdir(checkout);
  const needsLab = what === "test" || (program.lab && needsHosts(what, args));
  const able = !needsLab || sayWhatIsMissing({ fatal: !["test", "demo"].includes(what) });
  await ensurePackages();
  if (program.build) {
    const built = await build();
    const failure = `the sources do not compile:\n${built.output}`;
    // The lab is a tool to work with: it goes on while other sources are half-written.
    if (!built.ok && what !== "lab") throw new Failure(failure);
    if (!built.ok) say(failure);
  }
  if (program.run === undefined) return 0;

  const environment = { PATH: pathWithNode24() };
  if (program.lab && needsLab && able) Object.assign(environment, await labEnvironment());
  const argv = [node24(), ...program.run, ...args];
  // Without hosts the demo tells its story on the simulator.
  if (!program.lab || (what === "demo" && !able)) return runProgram(argv, { environment });
  if (!canBeRoot()) throw new Failure("the lab needs root, or sudo without a password: call `sudo -v` first");
  return runProgram(asRootWith(environment, argv), { environment });
}

/** Before anything slow, so that a machine without what hosts need is told within seconds. */
function sayWhatIsMissing({ fatal }) {
  const able = capabilities();
  if (able.ok) return true;
  if (fatal) throw new Failure(describeMissing(able));
  say(`${describeMissing(able)}; what needs hosts will be skipped`);
  return false;
}

/** Taking a lab down, or asking for help, must not first build what a lab needs. */
function needsHosts(what, args) {
  return what !== "lab" || ["up", "start"].includes(args.find((argument) => argument !== "--json") ?? "");
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = 1;
  },
);
