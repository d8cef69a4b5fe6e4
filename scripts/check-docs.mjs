// Fails when an export of an entry point has no doc comment, an entry file has no @module doc, or a public type mentions one that is not
// exported. Takes the path of Deno, which reads the sources: `node scripts/check-docs.mjs DENO`. Run by .ci/run.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./dependency-graph.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const deno = process.argv[2] ?? "deno";
const wrong = [];
const names = new Set();
const privateTypes = [];
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

for (const [name, { folder }] of Object.entries(PACKAGES)) {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  for (const [entry, target] of Object.entries(manifest.exports)) {
    const source = target["@socikit/source"];
    if (source === undefined) continue;
    const path = join(folder, source);
    const { stdout, stderr } = denoDoc("--json", path);
    if (stdout === "") {
      wrong.push(`${path}: ${/^error: .*/m.exec(stderr)?.[0] ?? stderr}`);
      continue;
    }
    const [document] = Object.values(JSON.parse(stdout).nodes);
    if (!document?.module_doc?.doc) wrong.push(`${path}: the entry file has no @module doc`);
    for (const symbol of document?.symbols ?? []) {
      exports++;
      names.add(symbol.name);
      // Overloads and merged declarations: one of them speaks for all.
      if (!symbol.declarations.some(({ jsDoc }) => jsDoc?.doc)) {
        const { filename, line } = symbol.declarations[0].location;
        wrong.push(`${filename}:${line}: ${symbol.name}, exported by ${name}${entry.slice(1)}, has no doc comment`);
      }
    }
    // Deno asks for a comment on every field too, which is more than wanted; of its findings, private types are taken.
    for (const [, what, type, where] of denoDoc("--lint", path).stderr.matchAll(
      /error\[private-type-ref\]: (.* private type '([^']*)')\n\s*--> (.*)\n/g,
    )) {
      privateTypes.push({ what, type, where });
    }
  }
}
// Deno looks at one entry point at a time: what another entry or package exports is not private.
for (const { what, type, where } of privateTypes) if (!names.has(type)) wrong.push(`${where}: ${what}`);

const lines = [...new Set(wrong)];
for (const line of lines) console.error(line.replace(`file://${root}/`, "").replace(`${root}/`, ""));
console.log(`docs: ${exports} exports, ${lines.length} wrong`);
process.exitCode = lines.length === 0 ? 0 : 1;
