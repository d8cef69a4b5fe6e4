// Makes a gzip file seekable with @socikit/inflate alone: one pass records where decoding can begin, and from then on any
// range of the uncompressed stream costs a small part of the file. The file itself stays as it is.
//
//   node examples/seekable-gzip.mjs [FILE.gz]
//
// Without an argument, a file of numbers is made and used.
import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { loadInflate } from "@socikit/inflate";
import { gzipSync } from "fflate";

/** Uncompressed bytes between two places. Each place costs 32 KiB, the window; each read decodes up to this much. */
const SPACING = 1024 * 1024;

const directory = await mkdtemp(join(tmpdir(), "seekable-gzip-"));
try {
  const path = process.argv[2] ?? (await makeSample(join(directory, "numbers.gz")));
  const inflate = await loadInflate();
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();

    // The pass: about as long as gunzip takes.
    const places = [];
    let next = 0;
    const scan = inflate.scanGzip({
      nextBlock: () => next,
      block({ compressed, uncompressed, bits }, window) {
        // A place inside a byte needs that byte again: its high bits belong to what follows.
        places.push({ compressed: bits > 0 ? compressed - 1 : compressed, uncompressed, bits, window: window() });
        next = uncompressed + SPACING;
      },
    });
    for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) scan.push(chunk);
    scan.finish();
    const total = scan.uncompressed;
    console.log(`${path}: ${size} bytes hold ${total}; decoding can begin at ${places.length} places`);

    // Any range, from the last place before it to the first one at or after its end.
    const readRange = async (start, end) => {
      const place = places.findLast((candidate) => candidate.uncompressed <= start);
      const behind = places.find((candidate) => candidate.uncompressed >= end);
      const stop = behind === undefined ? size : behind.compressed + (behind.bits > 0 ? 1 : 0);
      const compressed = Buffer.alloc(stop - place.compressed);
      await file.read(compressed, 0, compressed.length, place.compressed);
      const parts = [];
      const from = { byte: place.compressed, bits: place.bits, window: [{ at: 0, bytes: place.window }] };
      const want = { start: start - place.uncompressed, end: end - place.uncompressed };
      for await (const part of inflate.decoder.decode(from, compressed, want)) parts.push(part);
      return { bytes: Buffer.concat(parts), read: compressed.length };
    };

    const expected = gunzipSync(await readFile(path));
    assert.equal(total, expected.length);
    for (let i = 0; i < 5 && total > 0; i++) {
      const start = Math.floor(Math.random() * total);
      const end = Math.min(total, start + 1 + Math.floor(Math.random() * 5000));
      const { bytes, read } = await readRange(start, end);
      assert.deepEqual(bytes, expected.subarray(start, end));
      console.log(`bytes ${start} to ${end}: right, from ${read} of the file's ${size} bytes`);
    }
  } finally {
    await file.close();
  }
} finally {
  await rm(directory, { recursive: true });
}

async function makeSample(path) {
  let text = "";
  for (let i = 0; text.length < 12_000_000; i++) text += `${(i * 2654435761) % 4294967296}\n`;
  await writeFile(path, gzipSync(new TextEncoder().encode(text)));
  return path;
}
