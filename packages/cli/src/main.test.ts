import { expect, test } from "vitest";
import { main } from "./main.ts";
import { testIo } from "./testing/test-io.ts";

test("main() ends a command that takes longer than --timeout, and says so", async () => {
  const io = testIo({
    openTransport: async () => ({
      capabilities: { redirects: "visible", contentCoding: "identity" },
      send: (_, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener("abort", () => reject(new Error("socket hang up")));
        }),
    }),
  });
  const code = await main(["--timeout", "20ms", "ls", "registry.test/a:1"], io);
  expect([code, io.stderr.text()]).toEqual([
    1,
    expect.stringMatching(/^socikit: Cannot finish in time: the 20 ms of --timeout are over\n  → .*--timeout/),
  ]);
});

test("main() has no use for a --timeout that is not over", async () => {
  const io = testIo();
  expect(await main(["--timeout=1h", "index", "list", "-q", "--root", "/nonexistent"], io)).toBe(0);
  expect([io.stdout.text(), io.stderr.text()]).toEqual(["", ""]);
});
