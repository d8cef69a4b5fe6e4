import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

const include = ["packages/*/src/**/*.test.ts", "wasm/src/**/*.test.ts", "scripts/**/*.test.ts"];

/** Tests that change modules or globals under others' feet, or measure the heap. */
const NEEDS_ISOLATION = /\bvi\.(?:mock|resetModules|stubGlobal|spyOn|useFakeTimers)\b|\bmemoryUsage\b/;
const isolated = ["packages", "wasm/src", "scripts"].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((file) => NEEDS_ISOLATION.test(readFileSync(join(import.meta.dirname, file), "utf8"))),
);

export default defineConfig({
  // Tests run the sources, so that they need no build (the condition is the first of every package's exports).
  resolve: { conditions: ["@socikit/source"] },
  ssr: { resolve: { conditions: ["@socikit/source", "node"] } },
  test: {
    testTimeout: 60_000,
    // vitest leaves one processor idle, which is half of a small machine: 98 s instead of 170 on two busy ones.
    maxWorkers: "100%",
    projects: [
      // A process and all modules anew for each file took two fifths of the time.
      { extends: true, test: { name: "shared", include, exclude: isolated, isolate: false } },
      { extends: true, test: { name: "isolated", include: isolated } },
    ],
  },
});
