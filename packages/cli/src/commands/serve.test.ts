import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLayoutDirectory } from "@socikit/registry/node";
import { expect, test } from "vitest";
import { main } from "../main.ts";
import { pushImage } from "../testing/test-image.ts";
import { testIo, type TestIo } from "../testing/test-io.ts";

/** Starts serving; resolves when the URL has been printed. */
async function start(...args: string[]): Promise<{ url: string; io: TestIo; stop: () => Promise<number> }> {
  const controller = new AbortController();
  const io = testIo({ signal: controller.signal });
  const code = main(["serve", ...args, "--listen", "127.0.0.1:0"], io);
  while (!io.stdout.text().includes("\n")) {
    // A rejected start would print no URL.
    const early = await Promise.race([code, new Promise((resolve) => setTimeout(resolve, 10, undefined))]);
    if (early !== undefined) throw new Error(`ended with ${String(early)}: ${io.stderr.text()}`);
  }
  return {
    url: io.stdout.text().trim(),
    io,
    stop: () => {
      controller.abort(new Error("Interrupted"));
      return code;
    },
  };
}

test("serve without a directory takes pushes, logs requests without queries, and ends at once", async () => {
  const { url, io, stop } = await start();
  const response = await fetch(`${url}/v2/?token=secret`);
  expect(response.status).toBe(200);
  const started = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: "POST" });
  expect(started.status).toBe(202);
  const at = performance.now();
  expect(await stop()).toBe(0);
  expect(performance.now() - at).toBeLessThan(2000);
  expect(io.stderr.text()).toMatch(/GET \/v2\/ 200 \d+ ms\n/);
  expect(io.stderr.text()).not.toContain("secret");
});

test("serve of a directory serves the layouts below it, read-only", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    await mkdir(join(directory, "team"));
    const layout = await openLayoutDirectory(join(directory, "team", "app"), { create: true });
    await layout.tag("1", await pushImage(layout, { layers: [[{ name: "a", text: "a" }]] }));
    const { url, stop } = await start(directory, "-q");
    const manifest = await fetch(`${url}/v2/team/app/manifests/1`);
    expect(manifest.status).toBe(200);
    const refused = await fetch(`${url}/v2/team/app/blobs/uploads/`, { method: "POST" });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    await stop();
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [["/none/at/all"], 3, /none/, "no directory"],
  [["--listen", "nowhere"], 2, /HOST:PORT/, "no address"],
  [["--listen", "127.0.0.1:70000"], 2, /HOST:PORT/, "no port"],
])("serve %j ends with %s", async ([args, code, error]) => {
  const io = testIo();
  expect(await main(["serve", ...args], io)).toBe(code);
  expect(io.stderr.text()).toMatch(error);
});

test("serve on a port that is taken says which to take", async () => {
  const { url, stop } = await start();
  const io = testIo();
  expect(await main(["serve", "--listen", url.slice("http://".length)], io)).toBe(1);
  expect(io.stderr.text()).toMatch(/^socikit: Cannot listen on 127\.0\.0\.1:\d+: address already in use\n/);
  expect(io.stderr.text()).toMatch(/→ .*--listen 127\.0\.0\.1:0/);
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  const other = testIo();
  expect(await main(["serve", directory, "--listen", url.slice("http://".length)], other)).toBe(1);
  expect(other.stderr.text()).toMatch(/^socikit: Cannot listen/);
  await rm(directory, { recursive: true });
  await stop();
});
