// After `changeset version`, which knows package.json alone: brings the versions in each package's deno.json along. Part of `npm run version`.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGES } from "./dependency-graph.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
for (const { folder } of Object.values(PACKAGES)) {
  const { version } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const path = join(root, folder, "deno.json");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(/("version": )"[^"]*"/, `$1"${version}"`));
}
