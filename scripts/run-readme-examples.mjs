// Holds the code in the READMEs to what the built packages are. Needs a build.
//
// - The first ```js block of each package's README.md runs as its reader would run it: as a module, without arguments, from a folder inside the
//   package, so that it resolves what the reader's would. It must exit with 0 and print something. (Later ones may be for other hosts.)
// - The main example of the root README.md, its first ```ts block, runs in the same way against a registry in this process: its host takes the
//   place of registry.example, and nothing else of the text is changed. (It has no types, so that Node 20 runs it too.)
// - Every ```ts block compiles.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createMemoryStore } from "@socikit/registry";
import { serveRegistry } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { pushSampleImage } from "../examples/sample-image.mjs";
import { PACKAGES } from "./dependency-graph.mjs";

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const TSC = join(root, "node_modules/typescript/bin/tsc");
let passed = 0;
let failed = 0;

function report(name, problem) {
  if (problem === undefined) passed++;
  else failed++;
  console.log(`${problem === undefined ? "ok  " : "FAIL"} ${name}${problem === undefined ? "" : `: ${problem}`}`);
}

function blocksOf(readme, language) {
  const text = readFileSync(join(root, readme), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, code]) => code);
}

/** Hands a new folder to `body`, and takes it away afterwards. What `body` rejects with, or resolves to, is the problem. */
async function inPlace(name, folder, body) {
  const place = mkdtempSync(join(root, folder, ".readme-example-"));
  try {
    report(name, await body(place));
  } catch (error) {
    report(name, error.stderr || error.stdout || error.message);
  } finally {
    rmSync(place, { recursive: true });
  }
}

function runs(name, folder, code) {
  return inPlace(name, folder, async (place) => {
    writeFileSync(join(place, "example.mjs"), code);
    const { stdout } = await run(process.execPath, ["example.mjs"], { timeout: 60_000, cwd: place });
    return stdout.trim() === "" ? "prints nothing" : undefined;
  });
}

function compiles(name, folder, code) {
  return inPlace(name, folder, async (place) => {
    writeFileSync(join(place, "package.json"), `{ "type": "module" }`);
    writeFileSync(join(place, "example.ts"), code);
    const options = { noEmit: true, declaration: false, isolatedDeclarations: false, types: ["node"] };
    writeFileSync(
      join(place, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.base.json"),
        compilerOptions: { ...options, declarationMap: false },
        files: ["example.ts"],
      }),
    );
    await run(process.execPath, [TSC, "-p", "."], { cwd: place });
  });
}

/** A registry of this process, with an image where the main example looks for one. */
async function startRegistry() {
  const store = createMemoryStore();
  await pushSampleImage(store.repository("team/app"), "1.2");
  return serveRegistry(createRegistryHandler(store), { host: "127.0.0.1", port: 0 });
}

const server = await startRegistry();
try {
  const [main] = blocksOf("README.md", "ts");
  if (main?.includes("registry.example"))
    await runs("README.md", ".", main.replaceAll("registry.example", `127.0.0.1:${server.port}`));
  else report("README.md", "its first ```ts block reads no image of registry.example");
} finally {
  await server.close();
}

// One after the other: each is short, and their output stays readable.
for (const folder of [".", ...Object.values(PACKAGES).map((rule) => rule.folder)]) {
  const readme = join(folder, "README.md");
  const [example] = blocksOf(readme, "js");
  if (example !== undefined) await runs(readme, folder, example);
  else if (folder !== ".") report(readme, "has no ```js example");
  for (const [i, code] of blocksOf(readme, "ts").entries()) await compiles(`${readme} ts ${i + 1}`, folder, code);
}
console.log(`README examples: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
