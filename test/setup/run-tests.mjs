// run-tests.mjs [--unit] [PART OF A PATH...]: runs all checks and tests, or those whose file name contains one of the
// parts, and ends with one line that counts them. Runs on the packaged Node.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { capabilities } from "./capabilities.mjs";
import { ensureLabPrograms } from "./debian.mjs";
import { labEnvironment } from "./lab-environment.mjs";
import { node24 } from "./packages.mjs";
import { asRootWith, capture, Failure, lastLines, runProgram } from "./programs.mjs";
import { ensureRootfs } from "./rootfs.mjs";

/** Folders below test/ whose suites need test hosts; each file runs in a process of its own. */
const labFolders = ["lab-scenarios", "e2e", "workloads"];
/** Suites without hosts that take too long for `npm run test:unit`. */
const longSuites = ["sim/garbage-search.test.js", "sim/mutants.test.js", "sim/search.test.js"];
/**
 * Suites without hosts run in processes side by side, about as long each: a suite belongs to the first that names it or
 * its folder. What a process has loaded and warmed up is of use to suites of the same things only.
 */
const unitParts = {
  "the simulator's searches": longSuites,
  "the simulator": ["sim/", "scenarios/"],
  "the agent on its host": ["agent/env/"],
  "the provider": ["provider/", "sdk/"],
  "the agent and all else": [""],
};
/** Lab suites that run side by side, each with hosts of its own: much of their time is waiting. */
const LANES = 2;
/** What needs the machine for itself comes after them. */
const alone = ["/workloads/", "lab-scenarios/storm"];
const longest = [
  "lab-scenarios/faults",
  "lab-scenarios/ha-group",
  "e2e/refusals",
  "e2e/interrupted-up",
  "lab-scenarios/killed-creates",
  "e2e/recover",
];
/** Folders that hold programs and helpers, or measurements that nothing may disturb. */
const noTests = ["bench", "demo", "support"];

const unitOnly = process.argv.includes("--unit");
const parts = process.argv.slice(2).filter((argument) => argument !== "--unit");
const total = { passed: 0, failed: [], skipped: [] };
/** Ctrl-C: no further run is begun, what is known is reported. */
let stopped = false;
let runs = 0;
const folder = mkdtempSync(join(tmpdir(), "container-ha-test-"));

async function main() {
  if (!unitOnly && parts.length === 0) {
    const biome = [node24(), "node_modules/@biomejs/biome/bin/biome"];
    await check("format: every file is formatted (npm run format)", () => capture([...biome, "format", "."]));
    await check("lint: no rule is broken", () => capture([...biome, "lint", "--error-on-warnings", "."]));
  }
  await check("types: the sources compile", build);
  // The kernel's gate and a real etcd, from the hosts' root, are tested without hosts, too. What fails here is told with
  // the set-up of the hosts.
  if (!unitOnly && capabilities().ok)
    await ensureLabPrograms()
      .then(ensureRootfs)
      .catch(() => {});
  const unit = testFiles((name) => !labFolders.includes(name));
  await unitTests(unit);
  if (!unitOnly) await labSuites(testFiles((name) => labFolders.includes(name)));
  return report();
}

async function unitTests(files) {
  const titles = Object.keys(unitParts);
  const isIn = (title, file) => unitParts[title].some((path) => file.startsWith(`dist/test/${path}`));
  const titleOf = (file) => titles.find((title) => isIn(title, file));
  const groups = titles
    .map((title) => ({ title: `tests of ${title}`, files: files.filter((file) => titleOf(file) === title) }))
    .filter((group) => group.files.length > 0);
  const options = { limitMinutes: 5, alone: groups.length === 1 };
  await Promise.all(groups.map((group) => mocha(group.title, group.files, options)));
}

async function labSuites(files) {
  if (files.length === 0) return;
  const able = capabilities();
  const environment = { CONTAINER_HA_CAPABILITIES: JSON.stringify(able) };
  if (able.ok) {
    try {
      Object.assign(environment, await labEnvironment());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      total.failed.push({ title: "set-up of the test hosts", why: error.message });
      return;
    }
  }
  const isAlone = (file) => alone.some((part) => file.includes(part));
  const waiting = inOrder(files.filter((file) => !isAlone(file)));
  const lanes = able.ok ? Math.min(LANES, files.length) : 1;
  const run = (file, lane) => {
    const own = { ...environment, CONTAINER_HA_LAB_LANE: String(lane) };
    return mocha(file, [file], { environment: own, root: able.ok, limitMinutes: 25, alone: lanes === 1 });
  };
  const lane = async (number) => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await run(file, number);
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index + 1)));
  for (const file of files.filter(isAlone)) await run(file, 1);
}

/** The longest first, so that no lane stays with one of them at the end. */
function inOrder(files) {
  const rank = (file) => {
    const at = longest.findIndex((part) => file.includes(part));
    return at < 0 ? longest.length : at;
  };
  return [...files].sort((a, b) => rank(a) - rank(b));
}

/** One check that is no mocha test, but counts as one. */
async function check(title, work) {
  const { ok, output } = await work();
  console.log(`  ${ok ? "✔" : "✖"} ${title}`);
  if (ok) total.passed += 1;
  else total.failed.push({ title, why: lastLines(output, 40) });
}

/** One run of mocha. A run that crashes or hangs is one failure, with the name of the test it was in. */
async function mocha(title, files, { environment = {}, root = false, limitMinutes, alone = true }) {
  if (files.length === 0 || stopped) return;
  const result = join(folder, `result-${++runs}.json`);
  rmSync(result, { force: true });
  const all = { ...environment, CONTAINER_HA_TEST_RESULT: result };
  const argv = [
    node24(),
    "node_modules/mocha/bin/mocha.js",
    "--reporter",
    "test/setup/reporter.cjs",
    ...files,
  ];
  const chunks = [];
  const onOutput = alone ? undefined : (chunk) => chunks.push(chunk);
  const startedAt = performance.now();
  if (!alone) console.log(`\n${title} ...`);
  const options = { environment: all, timeoutMs: limitMinutes * 60_000, onOutput };
  const code = await runProgram(root ? asRootWith(all, argv) : argv, options);
  if (!alone) {
    // Of two that run side by side each is shown as a whole.
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(`\n${title}, after ${seconds} s:\n${Buffer.concat(chunks)}`);
  }
  stopped ||= code === 130;
  const { running, passed, failed, skipped } = readResult(result);
  total.passed += passed;
  total.failed.push(...failed);
  total.skipped.push(...skipped);
  if (running === undefined) return;
  const how = code === 137 ? `was ended after ${limitMinutes} minutes` : `ended with ${code}`;
  total.failed.push({ title, why: `mocha ${how} before it was done, in: ${running}` });
  if (root) await runProgram(asRootWith(all, [node24(), "-e", removeAbandoned]), { environment: all });
}

/** A test run that was killed could not take its hosts down itself. */
const removeAbandoned = 'require("./dist/test/lab/with-lab.js").removeAbandonedLabs()';

function readResult(file) {
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  return { passed: 0, failed: [], skipped: [], running: "loading the test files" };
}

/** The name that a person types. */
function sourceOf(file) {
  return `test/${file.replace(/\.js$/, ".ts")}`;
}

/** Compiled test files below those folders of test/ that `wanted` names; files right in test/ have the folder "". */
function testFiles(wanted) {
  if (!existsSync("dist/test")) return [];
  const files = readdirSync("dist/test", { recursive: true })
    .filter((file) => file.endsWith(".test.js"))
    .filter((file) => {
      const top = file.includes("/") ? file.slice(0, file.indexOf("/")) : "";
      return !noTests.includes(top) && wanted(top);
    })
    .filter((file) => !unitOnly || parts.length > 0 || !longSuites.includes(file))
    .filter((file) => parts.length === 0 || parts.some((part) => sourceOf(file).includes(part)));
  return files.sort().map((file) => join("dist/test", file));
}

function report() {
  list("Failed", total.failed);
  list("Skipped", total.skipped);
  console.log(`\n${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
  return total.failed.length === 0 ? 0 : 1;
}

function list(heading, entries) {
  if (entries.length === 0) return;
  console.log(`\n${heading}:`);
  for (const { title, why } of entries)
    console.log(`  - ${title}\n      ${why.trim().replaceAll("\n", "\n      ")}`);
}

main()
  .then((code) => {
    process.exitCode = code;
  })
  .finally(() => rmSync(folder, { recursive: true, force: true }));
