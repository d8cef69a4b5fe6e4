// Fails when an export of an entry point has no doc comment, an entry file has no @module doc, or a public type mentions one that is not
// exported. Takes the path of Deno, which reads the sources: `node scripts/check-docs.mjs DENO`. Run by .ci/run.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { PACKAGES } from "./dependency-graph.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const deno = process.argv[2] ?? "deno";
const wrong = [];
let exports = 0;

function denoDoc(...args) {
  const { stdout, stderr, error } = spawnSync(deno, ["doc", "--quiet", ...args], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (error !== undefined) throw error;
  return { stdout, stderr };
}

/** Path of each entry point's source → the name it is imported by. */
const entries = new Map();
for (const [name, { folder }] of Object.entries(PACKAGES)) {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  for (const [entry, target] of Object.entries(manifest.exports)) {
    const source = target["@socikit/source"];
    if (source !== undefined) entries.set(join(folder, source), name + entry.slice(1));
  }
}

const { stdout, stderr } = denoDoc("--json", ...entries.keys());
if (stdout === "") wrong.push(`deno doc: ${/^error: .*/m.exec(stderr)?.[0] ?? stderr}`);
const documents = stdout === "" ? {} : JSON.parse(stdout).nodes;
for (const [path, name] of stdout === "" ? [] : entries) {
  const document = documents[pathToFileURL(join(root, path)).href];
  if (!document?.module_doc?.doc) wrong.push(`${path}: the entry file has no @module doc`);
  for (const symbol of document?.symbols ?? []) {
    exports++;
    // Overloads and merged declarations: one of them speaks for all. A reference is documented where it leads.
    if (!symbol.declarations.some(({ jsDoc, kind }) => jsDoc?.doc || kind === "reference")) {
      const { filename, line } = symbol.declarations[0].location;
      wrong.push(`${filename}:${line}: ${symbol.name}, exported by ${name}, has no doc comment`);
    }
  }
}
// Deno asks for a comment on every field too, which is more than wanted; of its findings, private types are taken.
for (const [, what, where] of denoDoc("--lint", ...entries.keys()).stderr.matchAll(
  /error\[private-type-ref\]: (.*)\n\s*--> (.*)\n/g,
)) {
  wrong.push(`${where}: ${what}`);
}

const lines = [...new Set(wrong)];
for (const line of lines) console.error(line.replace(`file://${root}/`, "").replace(`${root}/`, ""));
console.log(`docs: ${exports} exports, ${lines.length} wrong`);
process.exitCode = lines.length === 0 ? 0 : 1;
