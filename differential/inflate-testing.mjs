/**
 * What the tests of @socikit/inflate make streams with, and the decoder they compare with: a bit at a time, from the RFCs,
 * and nothing of the core in it. Compiled from wasm/src/testing into a temporary folder, unchecked: half a second.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NAMES = ["gzip-member", "random", "reference-inflate", "stream-samples"];

/** Compiles them. Answers the folder, for {@linkcode importTesting} of this thread and others; it goes when the process ends. */
export function compileTesting() {
  const folder = mkdtempSync(join(tmpdir(), "socikit-inflate-testing-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const source = fileURLToPath(new URL("../wasm/src", import.meta.url));
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const options = "--ignoreConfig --noCheck --target es2023 --module nodenext --verbatimModuleSyntax --skipLibCheck";
  const files = NAMES.map((name) => join(source, "testing", `${name}.ts`));
  execFileSync(
    process.execPath,
    [
      tsc,
      ...options.split(" "),
      "--rewriteRelativeImportExtensions",
      "--rootDir",
      source,
      "--outDir",
      folder,
      ...files,
    ],
    { stdio: "inherit" },
  );
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  return folder;
}

/** All that those files export. */
export async function importTesting(folder) {
  const modules = NAMES.map((name) => import(pathToFileURL(join(folder, "testing", `${name}.js`)).href));
  return Object.assign({}, ...(await Promise.all(modules)));
}
