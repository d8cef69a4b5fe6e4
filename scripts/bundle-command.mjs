// Run in packages/cli after tsc: puts the command into one file, dist/bin.js, and each thread that it starts into one beside it. Node
// needs most of its start for finding and linking modules, of which there were 227 for one conversion. What of npm is in
// them is named in dist/THIRD-PARTY-LICENSES.txt, with its licence. undici stays outside: commands that talk to no registry do not load
// it, and whoever installs the command gets its fixes without waiting for ours.
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { PACKAGES } from "./dependency-graph.mjs";

const EXTERNAL = [/^node:/, ...PACKAGES["@socikit/cli"].unbundled];
/** How a module of ours names the file of a thread, which lies beside it: `workerUrl` of packages/inflate. */
const WORKER = /\bworkerUrl(?:\$\d+)?\(import\.meta\.url, "([^"]+)", "([^"]+)"\)/g;

/** Files to write, and what goes into each. */
const inputs = new Map([["bin.js", "dist/bin.js"]]);
const modules = new Set();
for (const [file, input] of inputs) {
  const { code, moduleIds } = await bundle(input, join("dist", file));
  for (const id of moduleIds) modules.add(id);
  for (const [, starter, worker] of code.matchAll(WORKER)) {
    const from = moduleIds.find((id) => basename(id) === `${starter}.js`);
    if (from === undefined)
      throw new Error(`${file} starts ${worker}, and ${starter}.js, which lies beside it, is not in it`);
    inputs.set(`${worker}.js`, join(dirname(from), `${worker}.js`));
  }
}
chmodSync("dist/bin.js", 0o755);
// Of the file as tsc wrote it.
rmSync("dist/bin.js.map", { force: true });
writeFileSync("dist/THIRD-PARTY-LICENSES.txt", notices([...modules]));

/** Writes `input`, with all that it imports, to one file. */
async function bundle(input, file) {
  const build = await rolldown({
    input,
    platform: "node",
    external: EXTERNAL,
    onLog(level, log) {
      if (level === "warn") throw new Error(`${input}: ${log.message}`);
    },
  });
  const { output } = await build.write({ file, format: "esm", codeSplitting: false, comments: false });
  await build.close();
  if (output.length !== 1) throw new Error(`${input} became ${output.map(({ fileName }) => fileName).join(", ")}`);
  // In strings and regular expressions alone, comments being gone. Text of other characters takes twice the memory, and 5 ms to decode.
  writeFileSync(
    file,
    output[0].code.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${hex(unit.charCodeAt(0))}`),
  );
  return output[0];
}

function hex(unit) {
  return unit.toString(16).padStart(4, "0");
}

/** The licences of the packages from npm that files are of. */
function notices(files) {
  const packages = new Map();
  for (const file of files.filter((path) => path.includes("/node_modules/"))) {
    let folder = dirname(file);
    while (!existsSync(join(folder, "package.json")) || manifestOf(folder).name === undefined) folder = dirname(folder);
    packages.set(folder, manifestOf(folder));
  }
  const texts = [...packages].map(([folder, { name, version, license }]) => {
    const licence = readdirSync(folder).find((entry) => /^licen[cs]e(?:\.\w+)?$/i.test(entry));
    if (licence === undefined) throw new Error(`${name} has no licence to copy`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, licence), "utf8").trim()}\n`;
  });
  return `Files of this folder hold code of these packages.\n\n${texts.sort().join(`\n${"-".repeat(80)}\n\n`)}`;
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
