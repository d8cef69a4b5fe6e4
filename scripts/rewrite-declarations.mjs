// Run in a package's folder after tsc: rewrites "./x.ts" to "./x.js" in dist/**/*.d.ts.
// tsc's rewriteRelativeImportExtensions does so in JavaScript only; Deno's checker rejects ".ts" in declarations.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

for (const entry of await readdir("dist", { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith(".d.ts")) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const text = await readFile(path, "utf8");
  const rewritten = text.replaceAll(/((?:from|import)\s*\(?\s*"\.{1,2}\/[^"]*)\.ts"/g, '$1.js"');
  if (rewritten !== text) await writeFile(path, rewritten);
}
