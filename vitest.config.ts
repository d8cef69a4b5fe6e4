import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests run the sources, so that they need no build (the condition is the first of every package's exports).
  resolve: { conditions: ["@socikit/source"] },
  ssr: { resolve: { conditions: ["@socikit/source", "node"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "wasm/src/**/*.test.ts", "scripts/**/*.test.ts"],
    testTimeout: 60_000,
    // vitest leaves one processor idle, which is half of a small machine: 98 s instead of 170 on two busy ones.
    maxWorkers: "100%",
  },
});
