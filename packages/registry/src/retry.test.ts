import fc from "fast-check";
import { expect, test } from "vitest";
import { isRetryableStatus, retryAfterMs, retryDelayMs } from "./retry.ts";

const NOW = Date.UTC(2026, 0, 1);

test.for<[string, string | null, number | undefined]>([
  ["seconds", "7", 7_000],
  ["seconds with spaces", " 7 ", 7_000],
  ["a date", "Thu, 01 Jan 2026 00:00:10 GMT", 10_000],
  ["a date that is over", "Wed, 31 Dec 2025 00:00:00 GMT", 0],
  ["no field", null, undefined],
  ["something else", "soon", undefined],
  ["a negative number", "-1", undefined],
  ["a fraction", "1.5", undefined],
])("retryAfterMs() of %s", ([, field, want]) => {
  expect(retryAfterMs(field, NOW)).toBe(want);
});

test("retryDelayMs() clamps Retry-After to 30 s, however long the server asks for", () => {
  const base = { attempt: 0, maxRetries: 4, random: 0 };
  const after = (field: string): number | undefined =>
    retryDelayMs({ ...base, retryAfterMs: retryAfterMs(field, NOW) });
  expect(after("30")).toBe(30_000);
  expect(after("31")).toBe(30_000);
  expect(after("9999999999")).toBe(30_000);
});

test("retryDelayMs() doubles, up to five seconds, and gives up after maxRetries", () => {
  const at = (attempt: number, random: number): number | undefined => retryDelayMs({ attempt, maxRetries: 20, random });
  expect([0, 1, 2, 3, 10].map((attempt) => at(attempt, 0))).toEqual([50, 100, 200, 400, 2_500]);
  expect(at(19, 0)).toBeTypeOf("number");
  expect(at(20, 0)).toBeUndefined();
  expect(retryDelayMs({ attempt: 0, maxRetries: 0, random: 0, retryAfterMs: 1 })).toBeUndefined();
});

test("retryDelayMs() is never negative nor above its bounds", () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.option(fc.string(), { nil: null }),
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (attempt, retryAfter, random) => {
        const delay = retryDelayMs({ attempt, maxRetries: 1000, retryAfterMs: retryAfterMs(retryAfter, NOW), random })!;
        expect(delay >= 0 && delay <= 30_100).toBe(true);
      },
    ),
  );
});

test("isRetryableStatus()", () => {
  expect([408, 429, 500, 502, 503, 504, 507].map(isRetryableStatus)).toEqual(Array(7).fill(true));
  expect([200, 304, 400, 401, 403, 404, 416, 501, 505].map(isRetryableStatus)).toEqual(Array(9).fill(false));
});
