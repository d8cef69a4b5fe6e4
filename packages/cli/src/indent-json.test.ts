import fc from "fast-check";
import { expect, test } from "vitest";
import { indentJson } from "./indent-json.ts";

test("indentJson() is JSON.stringify with two blanks, of what that can say", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (value, spread) => {
      const text = JSON.stringify(value, undefined, spread ? 7 : undefined);
      expect(indentJson(text)).toBe(JSON.stringify(value, undefined, 2));
    }),
  );
});

test("indentJson() leaves numbers, escapes and members that come twice as they are", () => {
  expect(indentJson('{"a":1.0,"a":1e400,"b\\u003c":"\\"{,","c":[ ] , "d":{}}')).toBe(
    '{\n  "a": 1.0,\n  "a": 1e400,\n  "b\\u003c": "\\"{,",\n  "c": [],\n  "d": {}\n}',
  );
});
