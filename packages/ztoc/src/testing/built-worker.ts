import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** This package compiled, with those below it, for what Node 20 has to load by itself: threads. */
export interface BuiltWorker {
  /** The folder of this package's compiled sources. */
  readonly folder: string;
  /** @param name Of a file there, without its extension. */
  url(name: string): URL;
  remove(): void;
}

/** Compiles into a temporary folder, unchecked: less than a second. */
export function buildWorker(): BuiltWorker {
  const root = join(import.meta.dirname, "../../../..");
  const out = mkdtempSync(join(tmpdir(), "socikit-ztoc-"));
  const project = join(out, "tsconfig.json");
  const folders = ["packages/ztoc/src", "packages/oci/src", "wasm/src"].map((folder) => join(root, folder));
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    types: [],
    rootDir: root,
    outDir: out,
    rewriteRelativeImportExtensions: true,
  };
  const exclude = folders.flatMap((folder) => [
    join(folder, "**/*.test.ts"),
    join(folder, "testing"),
    join(folder, "node"),
  ]);
  const extended = join(root, "tsconfig.json");
  writeFileSync(project, JSON.stringify({ extends: extended, compilerOptions, include: folders, exclude }));
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", project], { stdio: "inherit" });
  writeFileSync(join(out, "package.json"), '{ "type": "module" }');
  const modules = join(out, "node_modules");
  mkdirSync(join(modules, "@socikit"), { recursive: true });
  for (const name of ["@noble", "fflate"]) symlinkSync(join(root, "node_modules", name), join(modules, name));
  for (const [name, folder] of [
    ["oci", "packages/oci"],
    ["inflate", "wasm"],
  ] as const) {
    const exports = { ".": "./src/index.js", "./worker-thread": "./src/worker-thread.js" };
    writeFileSync(join(out, folder, "package.json"), JSON.stringify({ type: "module", exports }));
    symlinkSync(join(out, folder), join(modules, "@socikit", name));
  }
  const folder = join(out, "packages/ztoc/src");
  return {
    folder,
    url: (name) => pathToFileURL(join(folder, `${name}.js`)),
    remove: () => rmSync(out, { recursive: true }),
  };
}
