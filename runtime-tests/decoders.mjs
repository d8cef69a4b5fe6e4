// Every span decoder on the runtime that runs this file, over all spans of a file whose blocks begin at every bit of a
// byte: WebAssembly, the platform's own inflate, fflate, a pool of workers. As smoke.mjs: from sources on Deno, Bun and
// Node 26, from built packages on all of Node.
import { chooseDecoder, createDecoderPool, DECODER_KINDS, loadInflate } from "@socikit/inflate";
import { gzipSync } from "fflate";
import { check, same, sameBytes, summary } from "./check.mjs";

const text = noise(3_000_000);
const members = [gzipSync(text, { level: 9, mem: 4 }), gzipSync(text.subarray(0, 500_000)), gzipSync(text.subarray(7))];
const gzip = joined(members);
const output = joined([text, text.subarray(0, 500_000), text.subarray(7)]);
const shared = new Uint8Array(
  typeof SharedArrayBuffer === "function" ? new SharedArrayBuffer(gzip.length) : gzip.length,
);
shared.set(gzip);

const points = [];
const scan = (await loadInflate()).scanGzip({
  block: (boundary, window) => points.push({ ...boundary, window: window() }),
});
scan.push(gzip);
scan.finish();

/** From point `i` to point `to`, or to the end. */
async function decode(decoder, bytes, i, to) {
  const { compressed, uncompressed, bits, window } = points[i];
  const byte = compressed - (bits > 0 ? 1 : 0);
  const start = { byte, bits, window: [{ at: 0, bytes: window }] };
  const want = { start: 0, end: (points[to]?.uncompressed ?? output.length) - uncompressed };
  const chunks = [];
  for await (const chunk of decoder.decode(start, bytes.subarray(byte, points[to]?.compressed), want))
    chunks.push(chunk);
  sameBytes(joined(chunks), output.subarray(uncompressed, uncompressed + want.end));
}

/** What all of them must do. */
async function checkDecoder(name, decoder) {
  await check(`${name}: every span, from every bit`, async () => {
    same([...new Set(points.map(({ bits }) => bits))].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
    for (let i = 0; i < points.length; i++) await decode(decoder, i % 2 ? gzip : shared, i, i + 1);
  });
  await check(`${name}: across members, side by side`, () =>
    Promise.all([0, 3, 5, 7].map((i) => decode(decoder, gzip, i, points.length))),
  );
  await check(`${name}: too few bytes are an error`, async () => {
    let code;
    try {
      await decode(decoder, gzip.subarray(0, gzip.length - 1000), points.length - 1, points.length);
    } catch (error) {
      code = error.code;
    }
    same(code, "ERR_INFLATE_TRUNCATED");
  });
}

for (const kind of DECODER_KINDS) await checkDecoder(kind, (await chooseDecoder({ kinds: [kind] })).decoder);
const pool = createDecoderPool({ size: 2 });
await checkDecoder("pool", pool);
pool.close();

const well = summary();
if (!well) throw new Error("some checks failed");

function noise(length) {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // Half of it is what came a while ago, so that there are matches of all distances.
    bytes[at] = at > 40_000 && (at >> 6) % 2 ? bytes[at - 1 - (at % 32_000)] : 97 + ((state >>> 24) % 20);
  }
  return bytes;
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
