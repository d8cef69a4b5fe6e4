// The distribution-spec conformance suite against `socikit serve`, and against its request handler with a setting that the command does not have.
// Runs on the built packages. The suite's binary is $CONFORMANCE_BIN, or `conformance` of the PATH:
//   go install github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111
// Twice: with the suite's own settings, and with everything switched on that it leaves off. Ends with 1 unless nothing failed
// and no test of pull, push, tags and referrers was skipped.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import { serveRegistry } from "@socikit/registry/node";
import { freePort, startServer } from "./programs.mjs";
import { SOCIKIT } from "./socikit.mjs";

const binary = process.env.CONFORMANCE_BIN ?? "conformance";

const runs = [
  // Cancelled uploads and tag parameters are what the suite leaves off here.
  { name: "socikit serve, as the suite has it", start: startCommand, env: {}, accepted: ["Pass", "Disabled"] },
  {
    name: "the handler, everything on",
    start: startHandler,
    env: {
      OCI_API_BLOBS_DIGEST_HEADER: "true",
      OCI_API_BLOBS_UPLOAD_CANCEL: "true",
      OCI_API_MANIFESTS_DIGEST_HEADER: "true",
      OCI_API_MANIFESTS_TAG_PARAM: "true",
      OCI_DATA_SPARSE: "true",
    },
    accepted: ["Pass"],
  },
];

let failed = false;
for (const run of runs) {
  const registry = await run.start();
  const results = await mkdtemp(join(tmpdir(), "socikit-conformance-"));
  try {
    const env = {
      ...process.env,
      OCI_REGISTRY: registry.host,
      OCI_TLS: "disabled",
      OCI_REPO1: "a/b",
      OCI_REPO2: "c/d",
      OCI_RESULTS_DIR: results,
      OCI_VERSION: "1.1",
      ...run.env,
    };
    const output = await outputOf(binary, env);
    const counts = await countsOf(join(results, "junit.xml"));
    const statuses = statusesOf(await readFile(join(results, "results.yaml"), "utf8"));
    const notPassed = statuses.filter(({ status }) => !run.accepted.includes(status));
    console.log(
      `conformance, ${run.name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped, ` +
        `${counts.disabled} disabled of ${counts.total}; ${statuses.length} groups, ${notPassed.length} not passed`,
    );
    for (const { group, status } of notPassed) console.log(`  ${status}: ${group}`);
    for (const fault of registry.faults) console.log("  fault of the server:", fault);
    if (
      counts.failed > 0 ||
      counts.skipped > 0 ||
      counts.passed < 100 ||
      notPassed.length > 0 ||
      registry.faults.length > 0
    ) {
      failed = true;
      console.log(output);
    }
  } finally {
    await registry.close();
    await rm(results, { recursive: true, force: true });
  }
}
process.exitCode = failed ? 1 : 0;

/** The command as a user starts it: an empty registry in memory. */
async function startCommand() {
  const port = await freePort();
  const args = [SOCIKIT, "serve", "--listen", `127.0.0.1:${port}`, "--quiet"];
  const server = await startServer(process.execPath, args, port);
  return { host: `127.0.0.1:${port}`, faults: [], close: () => server.stop() };
}

/** The same handler in this process. Sparse manifests are what it refuses unless it is told not to. */
async function startHandler() {
  const faults = [];
  const handler = createRegistryHandler(createMemoryStore(), {
    missingBlobs: "accept",
    onError: (error) => faults.push(error),
  });
  const server = await serveRegistry(handler);
  return { host: server.host, faults, close: () => server.close() };
}

function outputOf(command, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [], { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    child.on("error", (cause) => {
      reject(new Error(`Cannot run "${command}": set CONFORMANCE_BIN to the suite's binary`, { cause }));
    });
    // Its exit code says no more than the reports do.
    child.on("close", () => resolve(output));
  });
}

async function countsOf(path) {
  const head = /<testsuites ([^>]*)>/.exec(await readFile(path, "utf8"))?.[1] ?? "";
  const number = (name) => Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const [total, errors, failures, skipped, disabled] = ["tests", "errors", "failures", "skipped", "disabled"].map(
    number,
  );
  const failed = errors + failures;
  return { total, failed, skipped, disabled, passed: total - failed - skipped - disabled };
}

/** The `apis` and `data` sections of results.yaml: `name: Status` lines, indented. */
function statusesOf(yaml) {
  const statuses = [];
  let section = "";
  for (const line of yaml.split("\n")) {
    const top = /^(\w+):/.exec(line);
    if (top !== null) section = top[1];
    const entry = /^\s+(.+): (Pass|Skip|Disabled|FAIL|Error|Unknown)$/.exec(line);
    if (entry !== null && (section === "apis" || section === "data"))
      statuses.push({ group: `${section}: ${entry[1]}`, status: entry[2] });
  }
  return statuses;
}
