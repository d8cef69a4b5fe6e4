import { expect, test } from "vitest";
import { decodePrefetchList, MAX_PREFETCH_LIST_SIZE, parsePrefetchFiles } from "./prefetch-list.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("parsePrefetchFiles() splits at commas and trims as Go does", () => {
  const values = ["/a", " /b ,\t/c\n", "", " , ", "\u00a0\u0085\u3000/d\u2028", "\ufeff/e"];
  expect(parsePrefetchFiles(values).map(({ path }) => path)).toEqual(["/a", "/b", "/c", "/d", "\ufeff/e"]);
});

test("decodePrefetchList() trims, and splits at nothing", () => {
  const list = '["/a", " b,c ", "", null, {"path": " *.so ", "priority": -1}, {"path": "x"}]';
  expect(decodePrefetchList(bytesOf(list))).toEqual([
    { path: "/a" },
    { path: "b,c" },
    { path: "*.so", priority: -1 },
    { path: "x", priority: 0 },
  ]);
  expect(decodePrefetchList(bytesOf("null"))).toEqual([]);
});

test.for<[string, string, RegExp, "reference"?]>([
  ["nothing", "", /it is not JSON: it ends early/],
  ["a byte order mark", '\ufeff["/a"]', /it begins with a byte order mark \(BOM\)/],
  ["an object", '{"files":[]}', /it is not an array/],
  ["a number for a path", '["/a", 1]', /entry 1 is not a path/],
  ["an object where the reference is followed", '[{"path":"/a"}]', /entry 0 is not a path/, "reference"],
  ["an object without a path", '[{"priority":1}]', /entry 0 has no path/],
  ["a priority that is a fraction", '[{"path":"/a","priority":1.0}]', /entry 0 has a priority that is not an integer/],
  ["a member that nobody knows", '[{"path":"/a","prio":1}]', /unknown member "prio"/],
  ["too many bytes", "[]".padEnd(MAX_PREFETCH_LIST_SIZE + 1), /more than 16777216/],
])("decodePrefetchList() refuses %s", ([, text, message, rule]) => {
  expect(() => decodePrefetchList(bytesOf(text), rule)).toThrow(
    expect.objectContaining({ code: "ERR_SOCI_PREFETCH_LIST", message: expect.stringMatching(message) }),
  );
});
