// Packs every package as npm would publish it, installs the tarballs into an empty project, imports each entry point there, runs the command, and
// compiles a TypeScript file that uses them all. Finds files that are missing from "files" and types that resolve here alone. Needs a build.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./dependency-graph.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const place = mkdtempSync(join(tmpdir(), "socikit-tarballs-"));
let passed = 0;
let failed = 0;

function check(name, body) {
  try {
    body();
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stderr?.toString() || error.stdout?.toString() || error.message}`);
  }
}
const run = (command, args, cwd = place) => execFileSync(command, args, { cwd, stdio: "pipe" }).toString();

try {
  const entries = [];
  const tarballs = {};
  for (const [name, { folder }] of Object.entries(PACKAGES)) {
    const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", place], join(root, folder)));
    tarballs[name] = `file:${join(place, filename)}`;
    check(`${name} has the licence`, () => {
      const packed = run("tar", ["-xOf", join(place, filename), "package/LICENSE"]);
      if (packed !== readFileSync(join(root, "LICENSE"), "utf8"))
        throw new Error("its LICENSE is not the repository's");
    });
    const { exports } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    for (const [entry, target] of Object.entries(exports)) {
      if (typeof target === "object") entries.push(name + entry.slice(1));
      else if (entry.endsWith(".wasm")) {
        check(`${name}${entry.slice(1)} is in the tarball`, () => {
          if (!run("tar", ["-tf", join(place, filename)]).includes(target.slice(2))) throw new Error("it is not");
        });
      }
    }
  }
  // The packages name each other by version, which no registry has yet: overrides lead to the tarballs.
  writeFileSync(
    join(place, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies: tarballs, overrides: tarballs }),
  );
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline"]);
  for (const entry of entries)
    check(`import ${entry}`, () => run(process.execPath, ["--input-type=module", "-e", `await import("${entry}")`]));
  // What bundle-command.mjs makes: the threads lie where the command looks for them, and the licences of what is in them beside.
  check("the command's threads and licences are in its tarball", () => {
    const folder = join(place, "node_modules/@socikit/cli/dist");
    const command = readFileSync(join(folder, "bin.js"), "utf8");
    if (/^import .*from "(?!node:)/m.test(command)) throw new Error("bin.js imports files");
    const threads = [...command.matchAll(/\(import\.meta\.url, "[^"]+", "([^"]+-worker)"\)/g)].map(([, name]) => name);
    if (threads.length === 0) throw new Error("it starts none");
    for (const file of [...threads.map((name) => `${name}.js`), "THIRD-PARTY-LICENSES.txt"])
      if (!existsSync(join(folder, file))) throw new Error(`${file} is not there`);
  });
  check("socikit --version", () => run(join(place, "node_modules/.bin/socikit"), ["--version"]));

  const lines = entries.map(
    (entry, i) => `import * as entry${i} from "${entry}";\nconsole.log(Object.keys(entry${i}));`,
  );
  writeFileSync(join(place, "consumer.ts"), lines.join("\n"));
  for (const [module, moduleResolution] of [
    ["NodeNext", "NodeNext"],
    ["ESNext", "Bundler"],
  ]) {
    check(`types resolve with ${moduleResolution}`, () => {
      const options = {
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        lib: ["ES2023", "DOM", "DOM.AsyncIterable"],
        types: [],
      };
      writeFileSync(
        join(place, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...options, skipLibCheck: false }, files: ["consumer.ts"] }),
      );
      run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", place]);
    });
  }
  if (existsSync(join(place, "node_modules/@socikit/oci/src/errors.test.ts"))) throw new Error("tests are published");
} finally {
  rmSync(place, { recursive: true });
}
console.log(`tarballs: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
