// Fails when package.json, deno.json and the root deno workspace of a package say different things. Run by `npm run check:dependencies`.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./dependency-graph.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const wrong = [];

function read(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

function expectSame(where, what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    wrong.push(`${where}: ${what} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
  }
}

const workspace = read("deno.json").workspace;
expectSame(
  "deno.json",
  "workspace",
  workspace.toSorted(),
  Object.values(PACKAGES)
    .map(({ folder }) => `./${folder}`)
    .toSorted(),
);

for (const { folder } of Object.values(PACKAGES)) {
  const npm = read(`${folder}/package.json`);
  const deno = read(`${folder}/deno.json`);
  const where = `${folder}/deno.json`;
  expectSame(where, "name", deno.name, npm.name);
  expectSame(where, "version", deno.version, npm.version);
  expectSame(where, "license", deno.license, npm.license);

  // Entry points: the same names, deno.json naming the source.
  const entries = Object.entries(npm.exports).filter(([, target]) => typeof target === "object");
  const sources = Object.fromEntries(entries.map(([entry, target]) => [entry, target["@socikit/source"]]));
  expectSame(where, "exports", typeof deno.exports === "string" ? { ".": deno.exports } : deno.exports, sources);
  for (const [entry, target] of entries) {
    // The order of conditions is their meaning: the source first, types before the code they describe.
    expectSame(`${folder}/package.json`, `conditions of ${entry}`, Object.keys(target), [
      "@socikit/source",
      "types",
      "default",
    ]);
    const built = target["@socikit/source"].replace(/^\.\/src\//, "./dist/").replace(/\.ts$/, "");
    expectSame(`${folder}/package.json`, `types of ${entry}`, target.types, `${built}.d.ts`);
    expectSame(`${folder}/package.json`, `default of ${entry}`, target.default, `${built}.js`);
    if (!existsSync(join(root, folder, target["@socikit/source"])))
      wrong.push(`${folder}: has no ${target["@socikit/source"]}`);
  }

  // Dependencies: packages of this repository by their current version, packages of npm with a specifier for Deno.
  const foreign = {};
  for (const [dependency, range] of Object.entries(npm.dependencies ?? {})) {
    if (dependency in PACKAGES) {
      expectSame(
        `${folder}/package.json`,
        dependency,
        range,
        `^${read(`${PACKAGES[dependency].folder}/package.json`).version}`,
      );
    } else {
      // Deno takes one range, not a choice of several: the first, which is the oldest supported.
      foreign[dependency] = `npm:${dependency}@${range.split(" || ")[0]}`;
    }
  }
  expectSame(where, "imports", deno.imports ?? {}, foreign);

  for (const field of ["description", "license", "repository", "engines", "publishConfig", "files"]) {
    if (npm[field] === undefined) wrong.push(`${folder}/package.json: has no ${field}`);
  }
  if (!existsSync(join(root, folder, "README.md"))) wrong.push(`${folder}: has no README.md`);
}

for (const line of wrong) console.error(line);
console.log(wrong.length === 0 ? "exports: package.json and deno.json agree" : `exports: ${wrong.length} wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;
