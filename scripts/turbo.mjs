// Runs turbo with its telemetry and update notices off, on any system: `node scripts/turbo.mjs run build`.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const turbo = join(dirname(createRequire(import.meta.url).resolve("turbo/package.json")), "bin/turbo");
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
spawn(process.execPath, [turbo, ...process.argv.slice(2)], { stdio: "inherit", env }).on("exit", (code) => {
  process.exitCode = code ?? 1;
});
