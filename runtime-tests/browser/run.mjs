// Serves an indexed image with `socikit serve`, opens page.html in headless Chromium and prints what it says: run.mjs PLAYWRIGHT-CORE [CHROMIUM]
import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { openLayoutDirectory } from "@socikit/registry/node";
import { createIndex } from "@socikit/soci-index/build";
import { pushSampleImage } from "../sample-image.mjs";
import { runPage } from "./headless-page.mjs";

const [playwright, executablePath = "/usr/bin/chromium"] = process.argv.slice(2);
const root = fileURLToPath(new URL("../..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "socikit-browser-"));
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

const pages = createServer((request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  createReadStream(join(root, path))
    .on("error", () => response.writeHead(404).end())
    .pipe(response);
});
await new Promise((done) => pages.listen(0, "127.0.0.1", done));

const layout = await openLayoutDirectory(join(work, "app"), { create: true });
await pushSampleImage(layout, "v1");
await createIndex({ image: layout, target: layout }, "v1", { minLayerSize: 0, spanSize: 1 << 18 });

const registry = spawn(process.execPath, [
  join(root, "packages/cli/dist/bin.js"),
  "serve",
  work,
  "--listen",
  "127.0.0.1:0",
]);
let problem;
try {
  const host = await listening(registry);
  const url = `http://127.0.0.1:${pages.address().port}/runtime-tests/browser/page.html?image=${host}/app:v1`;
  problem = await runPage({ playwright, executablePath }, url);
} catch (error) {
  problem = error.stack;
} finally {
  registry.kill();
  pages.closeAllConnections();
  pages.close();
  rmSync(work, { recursive: true });
}
if (problem !== undefined) {
  console.log(problem);
  process.exitCode = 1;
}

/** Waits for the line that says where the server listens. */
async function listening(child) {
  let text = "";
  return new Promise((done, fail) => {
    const look = (chunk) => {
      text += chunk;
      const match = /\b(127\.0\.0\.1:\d+)/.exec(text);
      if (match !== null) done(match[1]);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("exit", (code) => fail(new Error(`socikit serve ended with ${code}: ${text}`)));
  });
}
