/**
 * Builds the fuzzer of the inflate core: wasm/assembly with the debug build's memory map, to WebAssembly, to C by wasm2c, and with the files here and
 * zlib to a program with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer. Everything lands in fuzz/core/build.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const WASM = fileURLToPath(new URL("../../wasm", import.meta.url));
export const BUILD = join(HERE, "build");
const SOURCES = [
  "runtime",
  "host",
  "zlib-model",
  "reference",
  "choices",
  "answers",
  "scan",
  "spans",
  "tampered",
  "fuzz",
  "mutate",
];

/** Debian's packages, in .ci/stages/fuzz.sh too. Its own wabt, 1.0.32, gives up on vectors. */
const PACKAGES = "clang libclang-rt-14-dev libsimde-dev zlib1g-dev";
const WABT = "wabt@1.0.39";

/** Where wabt is looked for: `npm install --prefix` puts it there. */
function wabtHome() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(process.env.SOCIKIT_CI_HOME || join(cache, "socikit-ci"), "wabt");
}

/** Answers the path of the fuzzer. Throws with what is missing. */
export function buildCoreFuzzer() {
  const wasm2c = join(wabtHome(), "node_modules/wabt/bin/wasm2c");
  mkdirSync(BUILD, { recursive: true });
  const missing = [];
  if (!existsSync(wasm2c)) missing.push(`  npm install --ignore-scripts --prefix ${wabtHome()} ${WABT}`);
  if (!hasCompiler()) missing.push(`  apt-get install ${PACKAGES}`);
  if (missing.length > 0)
    throw new Error(`Cannot build the fuzzer of the core: a tool is missing. On Debian 12:\n${missing.join("\n")}`);

  compileAssembly("index.ts", "core.wasm", ["--debug"]);
  compileAssembly("debug.ts", "debug.wasm", []);
  writeFileSync(join(BUILD, "zones.h"), zonesHeader());
  run(process.execPath, [wasm2c, "core.wasm", "-n", "core", "-o", "core.c"]);

  const common = ["-g", "-O2", "-I.", `-I${HERE}`, ...(process.arch === "x64" ? ["-msse4.2"] : []), "-c"];
  // Coverage is counted of the core alone. What the C compiler warns of in generated code is not ours.
  run("clang", [...common, "-w", "-fsanitize=address,fuzzer-no-link", "core.c", "-o", "core.o"]);
  const own = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];
  for (const name of SOURCES) {
    const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
    run("clang", [...common, ...own, ...sanitizers, join(HERE, `${name}.c`), "-o", `${name}.o`]);
  }
  const objects = ["core", ...SOURCES].map((name) => `${name}.o`);
  run("clang", ["-g", "-fsanitize=address,undefined,fuzzer", ...objects, "-lz", "-o", "fuzz"]);
  return join(BUILD, "fuzz");
}

/** Whether clang is there, and libFuzzer, zlib and simde with it. */
function hasCompiler() {
  const probe = join(BUILD, "probe.c");
  writeFileSync(
    probe,
    "#include <simde/wasm/simd128.h>\n#include <zlib.h>\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return (int)crc32(0, d, n) & 0; }\n",
  );
  try {
    execFileSync("clang", ["-w", "-fsanitize=address,undefined,fuzzer", "probe.c", "-lz", "-o", "probe"], {
      cwd: BUILD,
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

function compileAssembly(source, output, options) {
  const asc = join(
    dirname(createRequire(join(WASM, "package.json")).resolve("assemblyscript/package.json")),
    "bin/asc.js",
  );
  const args = [join("assembly", source), "--config", "asconfig.json", "--target", "debug", ...options];
  run(process.execPath, [asc, ...args, "--outFile", join(BUILD, output)], WASM);
}

/** The red zones of the debug build: what is poisoned. */
function zonesHeader() {
  const module = new WebAssembly.Module(readFileSync(join(BUILD, "debug.wasm")));
  const { zoneCount, zoneStart, zoneEnd } = new WebAssembly.Instance(module).exports;
  const zones = Array.from({ length: zoneCount() }, (_, i) => [zoneStart(i), zoneEnd(i)]).sort((a, b) => a[0] - b[0]);
  const rows = zones.map(([start, end]) => `{${start}, ${end}}`).join(", ");
  return `#define ZONES ${zones.length}\nstatic const uint32_t zones[ZONES][2] = {${rows}};\n`;
}

function run(command, args, cwd = BUILD) {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
}
