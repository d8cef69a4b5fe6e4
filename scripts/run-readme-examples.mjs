// Runs the first ```js block of each package's README.md, as its reader would: as a module, on the built packages, without arguments. Each must
// exit with 0 and print something. It is run from a folder inside its package, so that it resolves what its reader's would.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PACKAGES } from "./dependency-graph.mjs";

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
let passed = 0;
let failed = 0;

function report(name, problem) {
  if (problem === undefined) passed++;
  else failed++;
  console.log(`${problem === undefined ? "ok  " : "FAIL"} ${name}${problem === undefined ? "" : `: ${problem}`}`);
}

// One after the other: each is short, and their output stays readable.
for (const { folder } of Object.values(PACKAGES)) {
  const readme = join(root, folder, "README.md");
  const name = join(folder, "README.md");
  const block = existsSync(readme) ? /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(readme, "utf8")) : null;
  if (block === null) {
    report(name, "has no ```js example");
    continue;
  }
  const place = mkdtempSync(join(root, folder, ".readme-example-"));
  try {
    const file = join(place, "example.mjs");
    writeFileSync(file, block[1]);
    const { stdout } = await run(process.execPath, [file], { timeout: 60_000, cwd: place });
    report(name, stdout.trim() === "" ? "prints nothing" : undefined);
  } catch (error) {
    report(name, `${error.stderr || error.message}`);
  } finally {
    rmSync(place, { recursive: true });
  }
}
console.log(`README examples: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
