import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findViolations } from "./check-dependencies.mjs";
import { importsOf } from "./imports-of.mjs";

const roots: string[] = [];
afterAll(() => roots.forEach((root) => rmSync(root, { recursive: true })));

// A small repository that obeys: leaf has a Node side, middle has an entry that may not use leaf, top is a program.
const PACKAGES = {
  "@x/leaf": { folder: "leaf", entries: { ".": [], "./node": [] } },
  "@x/middle": { folder: "middle", entries: { ".": [], "./build": ["@x/leaf"] } },
  "@x/top": { folder: "top", node: true, entries: { ".": ["@x/leaf", "@x/middle"] } },
};
const GOOD: Record<string, string> = {
  "leaf/package.json": manifest("@x/leaf", [".", "./node"], ["undici"]),
  "leaf/src/index.ts": 'export { leaf } from "./leaf.ts";\n',
  "leaf/src/leaf.ts": '/**\n * import { x } from "node:fs";\n */\nexport const leaf = 1; // import("node:fs")\n',
  "leaf/src/node.ts":
    'import { open } from "node:fs/promises";\nimport { request } from "undici";\nexport { open, request };\n',
  "leaf/src/leaf.test.ts": 'import { test } from "vitest";\nimport "../../testdata/x.ts";\nimport "node:fs";\n',
  "middle/package.json": manifest("@x/middle", [".", "./build"], ["@x/leaf"]),
  "middle/src/index.ts": "export const middle = 1;\n",
  "middle/src/build.ts": 'import type { leaf } from "@x/leaf";\nexport type Leaf = typeof leaf;\n',
  "top/package.json": manifest("@x/top", ["."], ["@x/leaf", "@x/middle"]),
  "top/src/index.ts": 'import "node:fs";\nexport { open } from "@x/leaf/node";\nexport { middle } from "@x/middle";\n',
};

function manifest(name: string, entries: readonly string[], dependencies: readonly string[]): string {
  const source = (entry: string) => (entry === "." ? "./src/index.ts" : `./src${entry.slice(1)}.ts`);
  return JSON.stringify({
    name,
    exports: Object.fromEntries(entries.map((entry) => [entry, { "@socikit/source": source(entry) }])),
    dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, "^1.0.0"])),
  });
}

function violationsWith(changes: Record<string, string>, packages: object = PACKAGES): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), "check-dependencies-"));
  roots.push(root);
  for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return findViolations(root, packages);
}

test("findViolations() finds nothing in a repository that obeys", () => {
  expect(violationsWith({})).toEqual([]);
});

test.for([
  ["an import against the graph", { "leaf/src/leaf.ts": 'import "@x/middle";\n' }, "@x/leaf may not use @x/middle"],
  [
    "a type import against the graph",
    { "leaf/src/leaf.ts": 'export type { M } from "@x/middle";\n' },
    "may not use @x/middle",
  ],
  [
    "an import() against the graph",
    { "leaf/src/leaf.ts": 'export const m = await import("@x/middle");\n' },
    "may not use @x/middle",
  ],
  [
    "an import over several lines",
    { "leaf/src/leaf.ts": 'import {\n  a,\n  b,\n} from "@x/middle";\n' },
    "may not use @x/middle",
  ],
  [
    "a declared dependency against the graph",
    { "leaf/package.json": manifest("@x/leaf", [".", "./node"], ["undici", "@x/top"]) },
    "depends on @x/top, which @x/leaf may not use",
  ],
  [
    "a dependency nobody imports",
    { "leaf/package.json": manifest("@x/leaf", [".", "./node"], ["undici", "yaml"]) },
    "depends on yaml, which no source",
  ],
  [
    "an import that package.json does not declare",
    { "middle/package.json": manifest("@x/middle", [".", "./build"], []) },
    "@x/leaf is not in the dependencies",
  ],
  [
    "an npm package that is not declared",
    { "leaf/src/leaf.ts": 'import "fflate";\n' },
    "fflate is not in the dependencies",
  ],
  ["Node in library code", { "leaf/src/leaf.ts": 'import "node:fs";\n' }, "node:fs is Node's"],
  ["Node without its prefix", { "leaf/src/leaf.ts": 'import "fs";\n' }, "fs is Node's"],
  ["undici in library code", { "leaf/src/leaf.ts": 'import "undici";\n' }, "undici runs on Node alone"],
  [
    "library code that reaches the Node side",
    { "leaf/src/leaf.ts": 'export * from "./node.ts";\n' },
    "entry . of @x/leaf reaches Node code",
  ],
  [
    "library code that imports another package's Node side",
    { "middle/src/build.ts": 'import "@x/leaf/node";\n' },
    "entry ./build of @x/middle reaches @x/leaf/node",
  ],
  [
    "a deep relative import",
    { "middle/src/build.ts": 'import "../../leaf/src/leaf.ts";\nimport "@x/leaf";\n' },
    "leaves the package",
  ],
  [
    "a deep relative import in a test",
    { "leaf/src/leaf.test.ts": 'import "../../middle/src/index.ts";\n' },
    "leaves the package",
  ],
  [
    "a deep import by name",
    { "middle/src/build.ts": 'import "@x/leaf/src/leaf.ts";\n' },
    "is not an entry point of @x/leaf",
  ],
  [
    "an entry that reaches what only another entry may",
    { "middle/src/index.ts": 'export * from "./build.ts";\n' },
    "entry . of @x/middle reaches @x/leaf",
  ],
  ["library code that uses test code", { "leaf/src/leaf.ts": 'import "./leaf.test.ts";\n' }, "is test code"],
  [
    "an entry that the graph does not know",
    { "leaf/package.json": manifest("@x/leaf", [".", "./node", "./leaf"], ["undici"]) },
    "does not know the entry ./leaf",
  ],
  [
    "an entry that is not there",
    { "leaf/package.json": manifest("@x/leaf", ["."], ["undici"]) },
    "has no entry ./node",
  ],
] as const)("findViolations() finds %s", ([, changes, want]) => {
  expect(violationsWith(changes).join("\n")).toContain(want);
});

test("findViolations() finds a graph that goes in circles", () => {
  const packages = { ...PACKAGES, "@x/leaf": { folder: "leaf", entries: { ".": ["@x/top"], "./node": [] } } };
  expect(violationsWith({}, packages).join("\n")).toContain("depends on itself");
});

test("importsOf() says where each import stands and whether it is types alone", () => {
  const text =
    'import type { A } from "a";\nexport * from "b";\nimport "c";\ntype D = typeof import("d");\n  // import("e")\n';
  expect(importsOf(text)).toEqual([
    { specifier: "a", line: 1, typeOnly: true },
    { specifier: "b", line: 2, typeOnly: false },
    { specifier: "c", line: 3, typeOnly: false },
    { specifier: "d", line: 4, typeOnly: true },
  ]);
});
