import { parseDecimal, type Int64 } from "./tar-number.ts";

/** A point in time as Go's tar reader has it. */
export interface TarTime {
  /** Seconds since 1970. */
  readonly seconds: Int64;
  /** What is added to them: −999,999,999 to 999,999,999. */
  readonly nanoseconds: number;
}

/**
 * A PAX time: a decimal integer, then optionally `.` and digits, nine of which count. The fraction is subtracted where
 * the text begins with `-`, so `-0.5` is half a second before 1970. `undefined` for anything else.
 */
export function parsePaxTime(text: string): TarTime | undefined {
  const dot = text.indexOf(".");
  const seconds = parseDecimal(dot < 0 ? text : text.slice(0, dot));
  if (seconds === undefined) return undefined;
  const fraction = dot < 0 ? "" : text.slice(dot + 1);
  if (!/^[0-9]*$/.test(fraction)) return undefined;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  return { seconds, nanoseconds: text.startsWith("-") ? -nanoseconds : nanoseconds };
}

// Years 0 to 9999; others Go cannot marshal, and the reference stores "" (spec section 6.6).
const YEAR_0 = -62_167_219_200;
const YEAR_10000 = 253_402_300_800;

/** RFC 3339 in UTC, with as many digits of the second as are not zero. Empty for years outside 0 to 9999. */
export function formatModTime({ seconds, nanoseconds }: TarTime): string {
  if (typeof seconds === "bigint") return "";
  const whole = nanoseconds < 0 ? seconds - 1 : seconds;
  if (whole < YEAR_0 || whole >= YEAR_10000) return "";
  const time = `${formatDate(Math.floor(whole / 86_400))}T${formatClock(whole - 86_400 * Math.floor(whole / 86_400))}`;
  if (nanoseconds === 0) return `${time}Z`;
  const fraction = String(nanoseconds < 0 ? nanoseconds + 1_000_000_000 : nanoseconds).padStart(9, "0");
  return `${time}.${fraction.replace(/0+$/, "")}Z`;
}

const TWO_DIGITS: readonly string[] = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));

/**
 * The day of that number since 1970, in the years 0 to 9999. Years are counted from March, so that the leap day is the
 * last one (https://howardhinnant.github.io/date_algorithms.html#civil_from_days). A `Date` an entry took ten times as long.
 */
function formatDate(day: number): string {
  const fromMarch0 = day + 719_468;
  const era = Math.floor(fromMarch0 / 146_097);
  const dayOfEra = fromMarch0 - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const dayOfMonth = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return `${TWO_DIGITS[Math.floor(year / 100)]}${TWO_DIGITS[year % 100]}-${TWO_DIGITS[month]}-${TWO_DIGITS[dayOfMonth]}`;
}

function formatClock(secondOfDay: number): string {
  const minute = Math.floor(secondOfDay / 60);
  return `${TWO_DIGITS[Math.floor(minute / 60)]}:${TWO_DIGITS[minute % 60]}:${TWO_DIGITS[secondOfDay % 60]}`;
}

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/**
 * The time that an entry's `modTime` names, whatever its zone: whole seconds and nanoseconds after them. `undefined` where
 * it names none; zTOCs store no time for years past 9999.
 */
export function parseModTime(text: string): { readonly seconds: number; readonly nanoseconds: number } | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, date, fraction = "", zone] = match;
  const seconds = Date.parse(`${date}${zone}`) / 1000;
  if (!Number.isFinite(seconds)) return undefined;
  return { seconds, nanoseconds: Number(fraction.slice(0, 9).padEnd(9, "0")) };
}
