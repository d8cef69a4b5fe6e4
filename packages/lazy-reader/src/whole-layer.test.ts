import { loadInflate } from "@socikit/inflate";
import { digestOf, OCI_LAYER, OCI_LAYER_GZIP, type Descriptor } from "@socikit/oci";
import { gzipSync } from "fflate";
import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";
import { concat, EntryContents } from "./entry-content.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { noise } from "./testing/fake-index.ts";
import { writeTar } from "./testing/tar-writer.ts";
import { leastOutputOf, openWholeLayer } from "./whole-layer.ts";

const code = (code: string) => expect.objectContaining({ code });
const content = noise(2_500_000);
const tar = writeTar([{ name: "f", content }]);

async function openWhole(blob: Uint8Array, mediaType: string, budget: ByteBudget) {
  const layer: Descriptor = { mediaType, digest: digestOf(blob), size: blob.length };
  return openWholeLayer({ stream: () => Promise.resolve(new Blob([blob.slice()]).stream()) }, layer, {
    compression: mediaType === OCI_LAYER ? "uncompressed" : "gzip",
    inflate: await loadInflate(),
    budget,
    emit: () => {},
  });
}

test.for([
  ["plain", tar, OCI_LAYER],
  ["gzip", gzipSync(tar), OCI_LAYER_GZIP],
  // As large as gzip gets: its blob has more bytes than its content.
  ["stored gzip", gzipSync(tar, { level: 0 }), OCI_LAYER_GZIP],
] as const)("a %s layer takes its output from the budget until it is closed", async ([, blob, mediaType]) => {
  const budget = new ByteBudget(tar.length + 1);
  const layer = await openWhole(blob, mediaType, budget);
  expect([budget.take(2), budget.take(1)]).toEqual([false, true]);
  expectBytes(await concat(layer.chunks({ start: 0, end: tar.length })), tar);
  const contents = new EntryContents(layer);
  await layer.close();
  await layer.close();
  expect([budget.take(tar.length), budget.take(1)]).toEqual([true, false]);
  await expect(contents.open(0).read(0, 1)).rejects.toEqual(code("ERR_LAZY_CLOSED"));
});

test("a layer that is refused or broken gives back what it took", async () => {
  const budget = new ByteBudget(tar.length);
  expect(budget.take(1)).toBe(true);
  await expect(openWhole(gzipSync(tar), OCI_LAYER_GZIP, budget)).rejects.toEqual(code("ERR_LAZY_LAYER_TOO_LARGE"));
  const broken = gzipSync(tar);
  broken[broken.length - 6]! ^= 1;
  budget.giveBack(1);
  await expect(openWhole(broken, OCI_LAYER_GZIP, budget)).rejects.toEqual(code("ERR_LAZY_LAYER_DATA"));
  expect([budget.take(tar.length), budget.take(1)]).toEqual([true, false]);
});

test("leastOutputOf() is never more than what is in a blob", () => {
  for (const length of [0, 1, 65_535, 65_536, 1_000_000, 2_500_000]) {
    const bytes = content.subarray(0, length);
    expect(leastOutputOf(length, "uncompressed")).toBe(length);
    for (const level of [0, 9] as const)
      expect(leastOutputOf(gzipSync(bytes, { level }).length, "gzip")).toBeLessThanOrEqual(length);
  }
  expect(leastOutputOf(1024 * 1024 * 1024, "gzip")).toBe(1023 * 1024 * 1024 - 65_536);
});
