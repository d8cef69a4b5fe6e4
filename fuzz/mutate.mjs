/** Changes to bytes, as fuzzers make them: bits, numbers at their limits, pieces moved, doubled, cut out, taken from others. */

const NUMBERS = [
  0,
  1,
  2,
  7,
  8,
  16,
  127,
  128,
  255,
  256,
  511,
  512,
  1024,
  32767,
  32768,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

/** A changed copy of one of the seeds, with words of the format put in here and there. */
export function mutate(random, seeds, words) {
  let bytes = random.pick(seeds).slice();
  for (let i = random.below(random.pick([2, 4, 16])); i >= 0; i--) bytes = change(random, bytes, seeds, words);
  return bytes.length > MAX_LENGTH ? bytes.subarray(0, MAX_LENGTH) : bytes;
}

const MAX_LENGTH = 2 ** 20;

function change(random, bytes, seeds, words) {
  // Formats have what counts at their beginning and at their end.
  const place = (room) => {
    const limit = Math.max(1, bytes.length - room);
    const at = random.below(limit);
    return random.chance(0.3)
      ? Math.min(at, random.below(64))
      : random.chance(0.2)
        ? limit - 1 - Math.min(at, random.below(64))
        : at;
  };
  switch (random.below(9)) {
    case 0:
      if (bytes.length > 0) bytes[place(0)] ^= 1 << random.below(8);
      return bytes;
    case 1:
      if (bytes.length > 0) bytes[place(0)] = random.below(256);
      return bytes;
    case 2: {
      const width = random.pick([1, 2, 4, 8]);
      if (bytes.length < width) return bytes;
      const view = new DataView(bytes.buffer, bytes.byteOffset + place(width), width);
      const number =
        BigInt(random.pick(NUMBERS)) * (random.chance(0.2) ? -1n : 1n) + (random.chance(0.05) ? 2n ** 62n : 0n);
      for (let i = 0; i < width; i++) view.setUint8(i, Number((number >> BigInt(8 * i)) & 255n));
      return bytes;
    }
    case 3:
      return bytes.slice(0, place(0));
    case 4: {
      const at = place(0);
      return splice(bytes, at, random.below(Math.min(2048, bytes.length - at + 1)), new Uint8Array(0));
    }
    case 5: {
      const from = place(0);
      return splice(bytes, place(0), 0, bytes.slice(from, from + 1 + random.below(1024)));
    }
    case 6: {
      const other = random.pick(seeds);
      const from = random.below(other.length + 1);
      const piece = other.slice(from, from + 1 + random.below(random.pick([16, 600, 4096])));
      return splice(bytes, place(0), random.chance(0.5) ? piece.length : 0, piece);
    }
    case 7: {
      const word = words.length === 0 ? "" : random.pick(words);
      return splice(
        bytes,
        place(word.length),
        random.chance(0.7) ? word.length : 0,
        Uint8Array.from(word, (c) => c.charCodeAt(0)),
      );
    }
    default:
      bytes.fill(random.pick([0, 0xff, 0x20, 0x30]), place(0), place(0) + random.below(32));
      return bytes;
  }
}

function splice(bytes, at, removed, added) {
  const end = Math.min(bytes.length, at + removed);
  const spliced = new Uint8Array(bytes.length - (end - at) + added.length);
  spliced.set(bytes.subarray(0, at));
  spliced.set(added, at);
  spliced.set(bytes.subarray(end), at + added.length);
  return spliced;
}
