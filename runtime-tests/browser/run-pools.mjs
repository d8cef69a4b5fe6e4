// Bundles pools.html with Vite, which vitest brings along, and opens it in headless Chromium: run-pools.mjs PLAYWRIGHT-CORE [CHROMIUM]
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { runPage } from "./headless-page.mjs";

const [playwright, executablePath = "/usr/bin/chromium"] = process.argv.slice(2);
const root = fileURLToPath(new URL(".", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "socikit-pools-"));
await build({
  root,
  configFile: false,
  logLevel: "warn",
  build: { outDir: work, emptyOutDir: true, target: "esnext", rollupOptions: { input: join(root, "pools.html") } },
  worker: { format: "es" },
});
const TYPES = { ".html": "text/html", ".js": "text/javascript" };
const pages = createServer((request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  createReadStream(join(work, path))
    .on("error", () => response.writeHead(404).end())
    .pipe(response);
});
await new Promise((done) => pages.listen(0, "127.0.0.1", done));
let problem;
try {
  problem = await runPage({ playwright, executablePath }, `http://127.0.0.1:${pages.address().port}/pools.html`);
} catch (error) {
  problem = error.stack;
} finally {
  pages.closeAllConnections();
  pages.close();
  rmSync(work, { recursive: true });
}
if (problem !== undefined) {
  console.log(problem);
  process.exitCode = 1;
}
