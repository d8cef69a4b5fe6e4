// Compiles assembly/ and embeds it. Run in wasm/.
//   node scripts/build-wasm.mjs           asc → build/inflate.wasm and src/inflate-wasm.generated.ts
//   node scripts/build-wasm.mjs --check   asc → a temporary folder; fails if the committed module differs in a byte
//   node scripts/build-wasm.mjs --extract build/inflate.wasm from the committed module: what `npm run build` does, so
//                                         that neither a build nor a test needs the compiler
//   node scripts/build-wasm.mjs --debug   asc → build/inflate-debug.wasm, with red zones (assembly/debug.ts)
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, dirname } from "node:path";

const GENERATED = "src/inflate-wasm.generated.ts";
const RAW = "build/inflate.wasm";
const DEBUG = "build/inflate-debug.wasm";

const mode = process.argv[2] ?? "--build";
if (mode === "--extract") {
  await writeRaw(await readEmbedded());
} else if (mode === "--debug") {
  const bytes = await compile(["assembly/debug.ts", "--target", "debug"]);
  await mkdir(dirname(DEBUG), { recursive: true });
  await writeFile(DEBUG, bytes);
  console.log(`${DEBUG}: ${bytes.length} bytes`);
} else {
  const bytes = await compile(["assembly/index.ts"]);
  if (mode === "--check") {
    const embedded = await readEmbedded();
    if (!bytes.equals(embedded)) {
      console.error(
        `${GENERATED} is not what assembly/ compiles to (${embedded.length} and ${bytes.length} bytes): npm run build:wasm`,
      );
      process.exit(1);
    }
    console.log(`${GENERATED}: ${bytes.length} bytes, as assembly/ compiles to`);
  } else {
    await writeFile(GENERATED, moduleText(bytes));
    await writeRaw(bytes);
    console.log(`${RAW}: ${bytes.length} bytes`);
  }
}

async function compile(sources) {
  const directory = await mkdtemp(join(tmpdir(), "socikit-wasm-"));
  try {
    const output = join(directory, "inflate.wasm");
    const asc = join(dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")), "bin/asc.js");
    execFileSync(process.execPath, [asc, ...sources, "--config", "asconfig.json", "--outFile", output], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    return await readFile(output);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readEmbedded() {
  const base64 = /"([A-Za-z0-9+/=]+)"/.exec(await readFile(GENERATED, "utf8"))?.[1];
  if (base64 === undefined) throw new Error(`Cannot read ${GENERATED}: it holds no base64`);
  return Buffer.from(base64, "base64");
}

async function writeRaw(bytes) {
  await mkdir(dirname(RAW), { recursive: true });
  await writeFile(RAW, bytes);
}

function moduleText(bytes) {
  return `// Made by scripts/build-wasm.mjs from assembly/. Do not edit.

/** The compiled core, ${bytes.length} bytes, in base64. */
export const INFLATE_WASM_BASE64: string =
  "${bytes.toString("base64")}";
`;
}
