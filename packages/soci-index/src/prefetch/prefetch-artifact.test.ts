import { digestOf } from "@socikit/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SOCI_INDEX_ERROR_CODES, SociIndexError } from "../errors.ts";
import { decodePrefetch, encodePrefetch, MAX_PREFETCH_SIZE, type PrefetchRange } from "./prefetch-artifact.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const SAMPLE =
  '{"version":"1.0","prefetch_spans":[{"start_span":10,"end_span":15},{"start_span":50,"end_span":55,"priority":1}]}';
const SAMPLE_RANGES: readonly PrefetchRange[] = [
  { firstSpan: 10, lastSpan: 15 },
  { firstSpan: 50, lastSpan: 55, priority: 1 },
];

test("encodePrefetch() writes the sample of spec section 9, and decodePrefetch() reads it", () => {
  const bytes = encodePrefetch({ ranges: SAMPLE_RANGES });
  expect(textOf(bytes)).toBe(SAMPLE);
  expect(digestOf(bytes)).toBe("sha256:decab994cf112e09ae9cac0490b7c96b27b8c52a7812ad6003edf678cd34079d");
  expect(decodePrefetch(bytes)).toEqual({ ranges: SAMPLE_RANGES });
});

test("encodePrefetch() writes no priority 0", () => {
  const [range] = SAMPLE_RANGES;
  expect(encodePrefetch({ ranges: [{ ...range!, priority: 0 }] })).toEqual(encodePrefetch({ ranges: [range!] }));
});

test.for<[string, PrefetchRange[]]>([
  ["no range", []],
  ["a range that ends before it begins", [{ firstSpan: 2, lastSpan: 1 }]],
  ["a negative span", [{ firstSpan: -1, lastSpan: 1 }]],
  ["a span beyond the reference's integers", [{ firstSpan: 1, lastSpan: 2 ** 31 }]],
  ["half a span", [{ firstSpan: 0.5, lastSpan: 1 }]],
])("encodePrefetch() refuses %s", ([, ranges]) => {
  expect(() => encodePrefetch({ ranges })).toThrow(/^Cannot encode/);
});

const spans = (list: string): string => `{"version":"1.0","prefetch_spans":${list}}`;

test.for<[string, string, string, RegExp]>([
  ["nothing", "", "MALFORMED", /it is not JSON: it ends early/],
  ["something behind", `${SAMPLE}x`, "MALFORMED", /"x" is out of place/],
  ["a list", "[]", "MALFORMED", /it is not an object/],
  ["no version", '{"prefetch_spans":[{}]}', "UNKNOWN_VERSION", /its version is "", not "1.0"/],
  ["a version to come", SAMPLE.replace("1.0", "1.1"), "UNKNOWN_VERSION", /"1.1"/],
  ["a version that is a number", '{"version":1}', "MALFORMED", /version is not text/],
  ["no ranges", '{"version":"1.0"}', "MALFORMED", /it has no range/],
  ["null for ranges", spans("null"), "MALFORMED", /it has no range/],
  ["an empty list", spans("[]"), "MALFORMED", /it has no range/],
  ["an object for ranges", spans("{}"), "MALFORMED", /prefetch_spans is not a list/],
  ["a range that is null", spans("[null]"), "MALFORMED", /prefetch_spans\[0\] is not an object/],
  ["a range backwards", spans('[{"start_span":2,"end_span":1}]'), "MALFORMED", /ends at span 1, before it begins at 2/],
  [
    "a negative span",
    spans('[{"start_span":-1}]'),
    "MALFORMED",
    /prefetch_spans\[0\].start_span is not an integer from 0/,
  ],
  ["a fraction, even of nothing", spans('[{"end_span":1.0}]'), "MALFORMED", /end_span is not an integer/],
  ["a span past 2^31", spans('[{"end_span":2147483648}]'), "MALFORMED", /end_span is not an integer/],
  ["a priority past 2^53", spans('[{"priority":9007199254740993}]'), "MALFORMED", /priority is not an integer/],
  ["a member twice", spans('[{"end_span":1,"end_span":2}]'), "MALFORMED", /"end_span" twice/],
  [
    "a member in another case",
    spans('[{"End_Span":1}]'),
    "MALFORMED",
    /"End_Span", which some readers take for "end_span"/,
  ],
  ["too many bytes", SAMPLE.padEnd(MAX_PREFETCH_SIZE + 1), "TOO_LARGE", /4194305 bytes are more than 4194304/],
])("decodePrefetch() refuses %s", ([, text, code, message]) => {
  expect(() => decodePrefetch(bytesOf(text))).toThrow(
    expect.objectContaining({
      name: "SociIndexError",
      code: `ERR_SOCI_PREFETCH_${code}`,
      message: expect.stringMatching(message),
    }),
  );
});

test("decodePrefetch() takes what Go takes: absent and null numbers are 0, other members are passed over", () => {
  expect(decodePrefetch(bytesOf(spans(' [ { "end_span" : 3 , "x" : [1e3] } , {"start_span":null} ] ')))).toEqual({
    ranges: [
      { firstSpan: 0, lastSpan: 3 },
      { firstSpan: 0, lastSpan: 0 },
    ],
  });
  expect(decodePrefetch(bytesOf(SAMPLE.padEnd(MAX_PREFETCH_SIZE)))).toEqual({ ranges: SAMPLE_RANGES });
});

test("decodePrefetch() of any bytes gives an artifact that encodes to itself, or a coded error", () => {
  const member = fc.oneof(fc.integer({ min: -2, max: 99 }), fc.jsonValue());
  const range = fc.record({ start_span: member, end_span: member, priority: member }, { requiredKeys: [] });
  const input = fc.oneof(
    fc.uint8Array(),
    fc
      .record({ version: fc.constantFrom("1.0", "", null), prefetch_spans: fc.array(fc.oneof(range, fc.jsonValue())) })
      .map((json) => bytesOf(JSON.stringify(json))),
    fc.array(fc.tuple(fc.nat(99), fc.nat(9), fc.integer({ min: -9, max: 9 })), { minLength: 1 }).map((all) =>
      encodePrefetch({
        ranges: all.map(([first, more, priority]) => ({ firstSpan: first, lastSpan: first + more, priority })),
      }),
    ),
    fc
      .tuple(fc.nat(), fc.nat(255))
      .map(([at, byte]) => bytesOf(SAMPLE).map((b, i, all) => (i === at % all.length ? byte : b))),
  );
  let decodes = 0;
  fc.assert(
    fc.property(input, (bytes) => {
      try {
        const artifact = decodePrefetch(bytes);
        decodes++;
        expect(decodePrefetch(encodePrefetch(artifact))).toEqual(artifact);
      } catch (error) {
        if (!(error instanceof SociIndexError)) throw error;
        expect(SOCI_INDEX_ERROR_CODES).toContain(error.code);
      }
    }),
    { numRuns: 200 },
  );
  expect(decodes).toBeGreaterThan(20);
});
