/** Numbers that look random and are the same on every run. */
export interface Random {
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** True in about `percent` of the cases. */
  chance(percent: number): boolean;
  /** One of the items. */
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick: <T>(items: readonly T[]) => items[below(items.length)] as T,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}

/** Bytes that compress as files do: words of a small vocabulary, runs, and some noise. */
export function compressibleBytes(random: Random, length: number): Uint8Array {
  const vocabulary = Array.from({ length: 40 }, () => random.bytes(1 + random.below(12)));
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const kind = random.below(20);
    const piece =
      kind === 0
        ? random.bytes(1 + random.below(40))
        : kind === 1
          ? new Uint8Array(1 + random.below(600)).fill(random.below(256))
          : random.pick(vocabulary);
    bytes.set(piece.subarray(0, length - at), at);
    at += piece.length;
  }
  return bytes;
}
