const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1000,
  m: 1000 ** 2,
  mb: 1000 ** 2,
  g: 1000 ** 3,
  gb: 1000 ** 3,
  ki: 1024,
  kib: 1024,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
};

/**
 * A count of bytes as typed: Go integer literals, as the reference takes them (`4194304`, `4_194_304`, `0x400000`), or a
 * decimal number with a unit (`4MiB`, `10MB`, `512k`). `undefined` for anything else, and past 2^53 − 1.
 */
export function parseByteCount(text: string): number | undefined {
  if (/^0[xob]/i.test(text)) {
    // https://go.dev/ref/spec#Integer_literals: an underscore may stand after the prefix and between digits.
    if (!/^0(?:x(?:_?[0-9a-f])+|o(?:_?[0-7])+|b(?:_?[01])+)$/i.test(text)) return undefined;
    return safe(Number(text.replaceAll("_", "")));
  }
  // Octal without a letter: 010 is 8, and 08 nothing.
  if (/^0[0-9_]+$/.test(text))
    return /^0(?:_?[0-7])+$/.test(text) ? safe(Number(`0o${text.slice(1).replaceAll("_", "")}`)) : undefined;
  const match = /^([0-9](?:_?[0-9])*)(\.[0-9]+)?\s*([a-zA-Z]*)$/.exec(text);
  if (match === null) return undefined;
  const unit = UNITS[match[3]!.toLowerCase()];
  if (unit === undefined) return undefined;
  return safe(Number(match[1]!.replaceAll("_", "") + (match[2] ?? "")) * unit);
}

function safe(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
