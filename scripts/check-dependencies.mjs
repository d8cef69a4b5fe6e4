// Fails when a package's sources or package.json go against dependency-graph.mjs. Run by `npm run check:dependencies`.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { NODE_ONLY, PACKAGES } from "./dependency-graph.mjs";
import { importsOf } from "./imports-of.mjs";

/**
 * Checks every package below `root` and returns one line for each thing that is wrong.
 * @param {string} root
 * @param {typeof PACKAGES} [packages]
 * @returns {readonly string[]}
 */
export function findViolations(root, packages = PACKAGES) {
  const violations = [...cycles(packages)];
  for (const [name, rule] of Object.entries(packages)) {
    const folder = join(root, rule.folder);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const sources = sourcesOf(root, folder);
    const inspect = { root, folder, name, rule, packages, manifest, sources, violations };
    checkManifest(inspect);
    checkSources(inspect);
    checkEntries(inspect);
  }
  return violations;
}

/**
 * @typedef {{ readonly path: string, readonly test: boolean, readonly node: boolean, readonly imports: ReturnType<typeof importsOf> }} Source
 * @typedef {{ root: string, folder: string, name: string, rule: import("./dependency-graph.mjs").PackageRule, packages: typeof PACKAGES,
 *   manifest: any, sources: ReadonlyMap<string, Source>, violations: string[] }} Inspection
 */

function sourcesOf(root, folder) {
  const sources = new Map();
  for (const entry of readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.m?ts$/.test(entry.name)) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const inside = relative(join(folder, "src"), path).split(sep);
    sources.set(path, {
      path: relative(root, path),
      test: entry.name.endsWith(".test.ts") || inside.includes("testing"),
      node: inside[0] === "node" || inside[0] === "node.ts",
      imports: importsOf(readFileSync(path, "utf8")),
    });
  }
  return sources;
}

function allowedBy(rule) {
  return new Set(Object.values(rule.entries).flat());
}

/** The dependencies that package.json declares are those of the graph, and the sources use each of them. */
function checkManifest({ name, rule, packages, manifest, sources, violations }) {
  const where = `${rule.folder}/package.json`;
  if (manifest.name !== name) violations.push(`${where}: is named ${manifest.name}, the graph says ${name}`);
  const used = new Set();
  for (const source of sources.values()) {
    if (!source.test) for (const { specifier } of source.imports) used.add(packageOf(specifier));
  }
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (dependency in packages && !allowedBy(rule).has(dependency)) {
      violations.push(`${where}: depends on ${dependency}, which ${name} may not use`);
    } else if (!used.has(dependency) && !rule.unbundled?.includes(dependency)) {
      violations.push(`${where}: depends on ${dependency}, which no source of ${name} imports`);
    }
  }
}

/** Every import of every file is allowed where it stands. */
function checkSources({ root, folder, name, rule, packages, manifest, sources, violations }) {
  const dependencies = new Set(Object.keys(manifest.dependencies ?? {}));
  for (const [path, source] of sources) {
    for (const { specifier, line } of source.imports) {
      const where = `${source.path}:${line}`;
      if (specifier.startsWith(".")) {
        const target = resolve(dirname(path), specifier);
        const inside = target.startsWith(folder + sep);
        if (!inside && !(source.test && target.startsWith(join(root, "testdata") + sep))) {
          violations.push(`${where}: ${specifier} leaves the package; import it by its package's name`);
        } else if (!source.test && sources.get(target)?.test) {
          violations.push(`${where}: ${specifier} is test code`);
        }
        continue;
      }
      // Tests run on Node and may use what the repository has.
      if (source.test) continue;
      const imported = packageOf(specifier);
      if (isNodeBuiltin(specifier)) {
        if (!source.node && !rule.node)
          violations.push(`${where}: ${specifier} is Node's; only src/node.ts and src/node/ may use it`);
      } else if (imported === name) {
        violations.push(`${where}: imports its own package by name`);
      } else if (imported in packages) {
        if (!allowedBy(rule).has(imported)) violations.push(`${where}: ${name} may not use ${imported}`);
        else if (!dependencies.has(imported))
          violations.push(`${where}: ${imported} is not in the dependencies of ${rule.folder}/package.json`);
        if (!exportsOf(root, packages[imported]).has(specifier.slice(imported.length))) {
          violations.push(`${where}: ${specifier} is not an entry point of ${imported}`);
        }
      } else {
        if (!dependencies.has(imported))
          violations.push(`${where}: ${imported} is not in the dependencies of ${rule.folder}/package.json`);
        if (NODE_ONLY.includes(imported) && !source.node && !rule.node) {
          violations.push(`${where}: ${imported} runs on Node alone; only src/node.ts and src/node/ may use it`);
        }
      }
    }
  }
}

/** What an entry point reaches inside its package imports no more than the graph grants that entry, and no Node code unless it is ./node. */
function checkEntries({ folder, name, rule, packages, manifest, sources, violations }) {
  for (const entry of Object.keys(manifest.exports)) {
    const source = manifest.exports[entry]["@socikit/source"];
    if (source !== undefined && !(entry in rule.entries))
      violations.push(`${rule.folder}/package.json: the graph does not know the entry ${entry}`);
  }
  for (const [entry, allowed] of Object.entries(rule.entries)) {
    const start = manifest.exports[entry]?.["@socikit/source"];
    if (start === undefined || !existsSync(join(folder, start))) {
      violations.push(`${rule.folder}/package.json: has no entry ${entry} with a source`);
      continue;
    }
    for (const [path, via] of reach(join(folder, start), sources)) {
      const file = sources.get(path);
      if (file.node && entry !== "./node" && !rule.node) {
        violations.push(`${file.path}: entry ${entry} of ${name} reaches Node code (through ${via})`);
      }
      for (const { specifier, line } of file.imports) {
        const imported = packageOf(specifier);
        if (imported in packages && allowedBy(rule).has(imported) && !allowed.includes(imported)) {
          violations.push(`${file.path}:${line}: entry ${entry} of ${name} reaches ${imported} (through ${via})`);
        }
        if (imported in packages && entry !== "./node" && !rule.node && specifier.endsWith("/node")) {
          violations.push(`${file.path}:${line}: entry ${entry} of ${name} reaches ${specifier} (through ${via})`);
        }
      }
    }
  }
}

/** The files of the package that `start` imports, directly or not, each with the file that led there. */
function reach(start, sources) {
  const seen = new Map([[start, "the entry point"]]);
  for (const [path] of seen) {
    const source = sources.get(path);
    for (const { specifier } of source?.imports ?? []) {
      const target = resolve(dirname(path), specifier);
      if (specifier.startsWith(".") && sources.has(target) && !seen.has(target)) seen.set(target, source.path);
    }
  }
  return seen;
}

function* cycles(packages) {
  const open = new Set();
  const done = new Set();
  const visit = function* (name) {
    if (done.has(name) || !(name in packages)) return;
    if (open.has(name)) {
      yield `dependency-graph.mjs: ${name} depends on itself through ${[...open].join(" → ")}`;
      return;
    }
    open.add(name);
    for (const below of allowedBy(packages[name])) yield* visit(below);
    open.delete(name);
    done.add(name);
  };
  for (const name of Object.keys(packages)) yield* visit(name);
}

function packageOf(specifier) {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function isNodeBuiltin(specifier) {
  return specifier.startsWith("node:") || builtinModules.includes(specifier);
}

function exportsOf(root, rule) {
  const { exports } = JSON.parse(readFileSync(join(root, rule.folder, "package.json"), "utf8"));
  return new Set(Object.keys(exports).map((entry) => entry.slice(1)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = findViolations(resolve(dirname(fileURLToPath(import.meta.url)), ".."));
  for (const line of violations) console.error(line);
  console.log(violations.length === 0 ? "dependencies: as drawn" : `dependencies: ${violations.length} wrong`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
