/** One stream, decoded by socikit and by zlib, and now and then by a decoder that goes a bit at a time. */
import { loadInflate } from "@socikit/inflate";
import { compileOwnModule, createInflate } from "../wasm/dist/load-inflate.js";
import { outputBeforeFault, zlibMembers, zlibRaw } from "./zlib-stream.mjs";

/** Codes of InflateError by what zlib says. */
const CODES = {
  header: ["ERR_INFLATE_HEADER", "ERR_INFLATE_DICTIONARY", "ERR_INFLATE_TRAILING_BYTES"],
  data: ["ERR_INFLATE_DATA"],
  truncated: ["ERR_INFLATE_TRUNCATED"],
  checksum: ["ERR_INFLATE_CHECKSUM"],
};

/** Every how many executions boundaries and what came before a fault are compared with the slow decoder. */
const SLOWLY = 16;

/**
 * Makes a function of (format, bytes, execution) that answers `{ fault, difference }`: what zlib says is wrong with the bytes, and
 * where socikit says something else. How the input is cut, and other choices, go by the number of the execution.
 */
export async function createInflateComparison({ createRandom, gzipHeader, gzipMember, referenceScan, ReferenceError }) {
  const whole = await loadInflate();
  // Buffers so small that their ends are met in every phase of decoding.
  const cramped = await createInflate(await compileOwnModule(), { input: 512, output: 300 });

  return async (format, bytes, execution) => {
    const random = createRandom(execution);
    const isSlow = execution % SLOWLY === 0;
    if (format === "raw") {
      const theirs = zlibRaw(bytes);
      return { fault: theirs.fault, difference: await compareRaw(random, bytes, theirs, isSlow) };
    }
    const acceptsZlib = format === "members";
    const theirs = zlibMembers(bytes, acceptsZlib);
    return { fault: theirs.fault, difference: compareMembers(random, bytes, theirs, acceptsZlib, isSlow) };
  };

  /** By the decoder of spans, which begins in DEFLATE data; and by a scan of a member that is made of them. */
  async function compareRaw(random, bytes, theirs, isSlow) {
    const { decoder } = random.pick([whole, cramped]);
    const decode = (end) => collect(decoder.decode({ byte: 0, bits: 0, window: [] }, bytes, { start: 0, end }));
    if (theirs.fault === undefined) {
      const { output } = await decode(theirs.output.length);
      if (!equal(output, theirs.output)) return `decode(): ${place(output, theirs.output)}`;
      const member = gzipMember(bytes.subarray(0, theirs.used), theirs.output);
      return compareMembers(random, member, { ...theirs, isExact: true }, false, isSlow);
    }
    const headed = Buffer.concat([gzipHeader(), bytes]);
    let expected = theirs;
    if (theirs.fault === "data")
      expected = { ...theirs, output: random.chance(25) ? outputBeforeFault(bytes).output : Buffer.alloc(0) };
    // As much as came before the fault can be had; if that is known exactly, no more.
    const before = await decode(expected.output.length);
    if (!equal(before.output, expected.output))
      return `decode(), before the fault: ${place(before.output, expected.output)}`;
    if (theirs.fault === "truncated") {
      const more = await decode(expected.output.length + 1);
      if (!isSameFault(more.code, { ...theirs, rest: headed.length }, headed))
        return `decode(), a byte more than there is: ${more.code ?? "accepted"}`;
    }
    return compareMembers(
      random,
      headed,
      { ...expected, isExact: theirs.fault === "truncated", rest: headed.length },
      false,
      isSlow,
    );
  }

  function compareMembers(random, bytes, theirs, acceptsZlib, isSlow) {
    const inflate = random.pick([whole, cramped]);
    const chunkSize = random.pick([bytes.length, bytes.length, 1 + random.below(64), 1 + random.below(bytes.length)]);
    const ours = scan(inflate, bytes, acceptsZlib, Math.max(1, chunkSize));
    if (theirs.fault === undefined) {
      if (ours.code !== undefined) return `zlib accepts it, socikit: ${ours.code}`;
      if (!equal(ours.output, theirs.output)) return place(ours.output, theirs.output);
      if (ours.compressed !== bytes.length) return `${ours.compressed} of ${bytes.length} bytes were used`;
    } else {
      if (ours.code === undefined) return `zlib refuses it: ${theirs.fault}, socikit accepts it`;
      if (!isSameFault(ours.code, theirs, bytes)) return `zlib refuses it: ${theirs.fault}, socikit: ${ours.code}`;
      const common = Math.min(ours.output.length, theirs.output.length);
      if (!equal(ours.output.subarray(0, common), theirs.output.subarray(0, common)))
        return `before the fault, ${place(ours.output, theirs.output)}`;
      if (theirs.isExact && ours.output.length > theirs.output.length)
        return `${ours.output.length} bytes came, and ${theirs.output.length} are before the fault`;
    }
    return isSlow && theirs.fault !== "header" ? compareSlowly(bytes, ours, theirs) : undefined;
  }

  /** Whether the code says what zlib says, or one of the differences of README.md explains it. */
  function isSameFault(code, { fault, rest, trailer }, bytes) {
    if (CODES[fault].includes(code)) return true;
    // The ten bytes of a header, and a trailer, are looked at when they are all there.
    if (fault === "header" && code === "ERR_INFLATE_TRUNCATED") return rest < 10;
    if (fault === "checksum" && code === "ERR_INFLATE_TRUNCATED") return trailer < 8;
    // A zlib header that asks for a dictionary, whose checksum should follow.
    if (fault === "truncated" && code === "ERR_INFLATE_DICTIONARY")
      return rest < 6 && (bytes.at(1 - rest) & 0x20) !== 0;
    // A single byte that can begin no member.
    if (fault === "truncated" && code === "ERR_INFLATE_TRAILING_BYTES") return rest === 1 && bytes.at(-1) !== 0x1f;
    return false;
  }

  /** Boundaries, and where the fault is. */
  function compareSlowly(bytes, ours, theirs) {
    let slow;
    try {
      slow = referenceScan(bytes);
      if (theirs.fault !== undefined) return `zlib refuses it: ${theirs.fault}, the slow decoder accepts it`;
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      if (theirs.fault === undefined) return `zlib accepts it, the slow decoder: ${error.message}`;
      slow = error;
    }
    if (ours.output.length > slow.output.length) return `${ours.output.length} bytes, slowly ${slow.output.length}`;
    if (!equal(ours.output, slow.output.subarray(0, ours.output.length)))
      return `slowly: ${place(ours.output, slow.output)}`;
    const boundaries = theirs.fault === undefined ? slow.boundaries : slow.boundaries.slice(0, ours.boundaries.length);
    const [got, want] = [ours.boundaries, boundaries].map((list) => JSON.stringify(list));
    return got === want ? undefined : `boundaries ${got}, slowly ${want}`;
  }

  function scan(inflate, bytes, zlibMembers, chunkSize) {
    const parts = [];
    const boundaries = [];
    const session = inflate.scanGzip(
      {
        output: (part) => parts.push(part.slice()),
        block: ({ compressed, uncompressed, bits }) => boundaries.push({ compressed, uncompressed, bits }),
      },
      { zlibMembers },
    );
    let code;
    try {
      for (let at = 0; at < bytes.length; at += chunkSize) session.push(bytes.subarray(at, at + chunkSize));
      session.finish();
    } catch (error) {
      code = codeOf(error);
    }
    return { output: Buffer.concat(parts), boundaries, code, compressed: session.compressed };
  }
}

async function collect(chunks) {
  const parts = [];
  try {
    for await (const chunk of chunks) parts.push(chunk);
  } catch (error) {
    return { output: Buffer.concat(parts), code: codeOf(error) };
  }
  return { output: Buffer.concat(parts), code: undefined };
}

/** Of an InflateError that says something about the stream; anything else ends the run. */
function codeOf(error) {
  if (!/^ERR_INFLATE_(?:HEADER|DICTIONARY|DATA|TRUNCATED|CHECKSUM|TRAILING_BYTES)$/.test(error.code)) throw error;
  return error.code;
}

function equal(a, b) {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function place(ours, theirs) {
  const at = theirs.findIndex((byte, index) => ours[index] !== byte);
  return `${ours.length} bytes, zlib's are ${theirs.length}, other from byte ${at === -1 ? theirs.length : at} on`;
}
