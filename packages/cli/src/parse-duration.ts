/** Milliseconds of Go's units. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = "(\\d+\\.?\\d*|\\.\\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)";

/** Parses a duration as Go's `time.ParseDuration` does: `90s`, `1m30s`, `1.5h`, `-1s`, `0`. In ms; `undefined` for what is none. */
export function parseDuration(text: string): number | undefined {
  const [, sign, size = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (size === "0") return 0;
  if (!new RegExp(`^(?:${PART})+$`).test(size)) return undefined;
  let ms = 0;
  for (const [, number, unit] of size.matchAll(new RegExp(PART, "g"))) ms += Number(number) * UNITS[unit!]!;
  return sign === "-" ? -ms : ms;
}
