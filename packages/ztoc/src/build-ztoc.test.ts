import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildZtoc } from "./build-ztoc.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** A tar of zeros is an empty archive: nothing but padding. */
const layer = gzipSync(new Uint8Array(1 << 20), { level: 0 });

test("buildZtoc() with a signal lets go of each chunk: a promise raced with every chunk would keep them all", async () => {
  const chunks: WeakRef<Uint8Array>[] = [];
  let kept = 0;
  async function* source(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < layer.length; at += 16384) {
      const chunk = layer.slice(at, at + 16384);
      chunks.push(new WeakRef(chunk));
      yield chunk;
    }
    // A WeakRef holds on to its target until the turn in which it was made has ended.
    await new Promise((resolve) => setTimeout(resolve, 0));
    collectGarbage();
    kept = chunks.filter((chunk) => chunk.deref() !== undefined).length;
  }
  await buildZtoc(source(), { compression: "gzip", signal: new AbortController().signal });
  expect(chunks.length).toBeGreaterThan(60);
  expect(kept).toBeLessThan(8);
});

test("buildZtoc() ends when the signal aborts, also while the source never gives its next chunk", async () => {
  const controller = new AbortController();
  async function* stuck(): AsyncIterable<Uint8Array> {
    yield layer.subarray(0, 100);
    await new Promise(() => {});
  }
  const build = buildZtoc(stuck(), { compression: "gzip", signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 5);
  await expect(build).rejects.toThrow("enough");
});
