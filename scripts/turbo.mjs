// Runs turbo, on any system: `node scripts/turbo.mjs run build`. One line says that it works and for how long; what turbo and
// its tasks print is shown only when something failed. Telemetry and update notices are off.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const args = process.argv.slice(2);
const title = args[1] === "build" ? "building packages" : `turbo ${args.join(" ")}`;
const turbo = join(dirname(createRequire(import.meta.url).resolve("turbo/package.json")), "bin/turbo");
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };

const startedAt = performance.now();
const seconds = () => `${Math.round((performance.now() - startedAt) / 1000)} s`;
const live = process.stderr.isTTY === true;
// What is built already takes half a second, and needs no line.
const ticking = setInterval(() => live && process.stderr.write(`\r${title}… ${seconds()}`), 1000);

const printed = [];
const child = spawn(process.execPath, [turbo, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => void printed.push(chunk));
child.on("close", (code) => {
  clearInterval(ticking);
  if (live) process.stderr.write("\r\u001b[K");
  if (code !== 0) process.stderr.write(Buffer.concat(printed));
  else if (performance.now() - startedAt >= 1000) process.stderr.write(`${title}: ${seconds()}\n`);
  process.exitCode = code ?? 1;
});
