import fc from "fast-check";
import { expect, test } from "vitest";
import {
  contentLengthOf,
  mediaTypeOf,
  parseContentRange,
  parseErrorBody,
  parseNextLink,
  parseUploadRange,
  rangeField,
} from "./responses.ts";

const body = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

test.for<[string, unknown, unknown]>([
  [
    "the registry's",
    { errors: [{ code: "NAME_UNKNOWN", message: "no", detail: {} }] },
    [{ code: "NAME_UNKNOWN", message: "no" }],
  ],
  ["a code alone", { errors: [{ code: "DENIED" }] }, [{ code: "DENIED", message: "" }]],
  ["entries that are none", { errors: [null, 1, {}, { code: 1 }] }, []],
  ["S3's XML", "<Error><Code>AccessDenied</Code></Error>", []],
  ["a list", [], []],
  ["null", null, []],
  ["nothing", "", []],
])("parseErrorBody() of %s", ([, value, want]) => {
  expect(parseErrorBody(body(value))).toEqual(want);
});

test("parseErrorBody() keeps twenty entries", () => {
  const errors = Array.from({ length: 21 }, (_, i) => ({ code: `E${i}`, message: "" }));
  expect(parseErrorBody(body({ errors }))).toHaveLength(20);
});

test.for<[string, unknown]>([
  ["bytes 0-99/1000", { range: { start: 0, end: 100 }, size: 1000 }],
  ["bytes 5-5/*", { range: { start: 5, end: 6 }, size: undefined }],
  ["BYTES 0-0/1", { range: { start: 0, end: 1 }, size: 1 }],
  ["bytes */1000", { range: undefined, size: 1000 }],
  ["bytes */*", undefined],
  ["bytes 5-4/10", undefined],
  ["bytes 0-10/10", undefined],
  ["0-9/10", undefined],
  ["items 0-9/10", undefined],
  ["bytes 0-9/9007199254740993", undefined],
  ["bytes 0-9", undefined],
  ["bytes 0-9/10, bytes 0-9/10", undefined],
])("parseContentRange(%j)", ([field, want]) => {
  expect(parseContentRange(field)).toEqual(want);
});

test("rangeField() is what a server's Content-Range repeats", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 1e6 }), (start, length) => {
      const field = rangeField(start, start + length);
      expect(parseContentRange(`${field.replace("=", " ")}/*`)?.range).toEqual({ start, end: start + length });
    }),
  );
});

test.for<[string, string | null, string | undefined]>([
  ["one link", '</v2/a/tags/list?last=x&n=2>; rel="next"', "/v2/a/tags/list?last=x&n=2"],
  ["without quotes", "</next>; rel=next", "/next"],
  ["the second of two", '</prev>; rel="prev", </next>; rel="next"', "/next"],
  ["commas in the target", "</x?a=1,2>; rel=next", "/x?a=1,2"],
  ["several relations", '</next>; title="a;b"; rel="last next"', "/next"],
  ["any case", '</next>; REL="Next"', "/next"],
  ["another relation", '</x>; rel="nextish"', undefined],
  ["a title that says next", '</x>; title="rel=next"', undefined],
  ["no field", null, undefined],
  ["noise", "<<<;;", undefined],
])("parseNextLink() of %s", ([, field, want]) => {
  expect(parseNextLink(field)).toBe(want);
});

test.for<[string | null, number | undefined]>([
  ["0-99", 100],
  ["bytes=0-99", 100],
  ["bytes 0-99", 100],
  ["0-0", 0],
  ["5-9", undefined],
  [null, undefined],
  ["x", undefined],
])("parseUploadRange(%j)", ([field, want]) => {
  expect(parseUploadRange(field)).toBe(want);
});

test("contentLengthOf() and mediaTypeOf() read what makes sense", () => {
  const headers = (fields: Record<string, string>): Headers => new Headers(fields);
  expect(contentLengthOf(headers({ "content-length": "10" }))).toBe(10);
  expect(contentLengthOf(headers({ "content-length": "-1" }))).toBeUndefined();
  expect(contentLengthOf(headers({ "content-length": "9007199254740993" }))).toBeUndefined();
  expect(contentLengthOf(headers({}))).toBeUndefined();
  expect(mediaTypeOf(headers({ "content-type": "Application/JSON; charset=utf-8" }))).toBe("application/json");
  expect(mediaTypeOf(headers({}))).toBeUndefined();
});

test("the readers of fields end on any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'<>;,="\\ relnxtbys0123456789-/*'), maxLength: 300 }), (text) => {
      parseNextLink(text);
      parseContentRange(text);
      parseUploadRange(text);
      parseErrorBody(body(text));
    }),
  );
});
