import { toByteString } from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { entryPath, MAX_PATH_BYTES, MAX_PATH_DEPTH, whiteoutOf } from "./entry-path.ts";

describe("entryPath()", () => {
  test.for([
    ["a plain name", "usr/bin/x", ["usr", "bin", "x"]],
    ["a leading ./, as tar writes it", "./usr/bin/x", ["usr", "bin", "x"]],
    ["a leading slash", "/etc/passwd", ["etc", "passwd"]],
    ["a trailing slash, of a directory", "usr/bin/", ["usr", "bin"]],
    ["doubled slashes", "usr//bin///x", ["usr", "bin", "x"]],
    ["the root as ./", "./", []],
    ["the root as nothing", "", []],
    ["a .. in the middle, which goes up by name", "a/b/../c", ["a", "c"]],
    ["a .. above the root, which stays there", "../../etc/passwd", ["etc", "passwd"]],
    ["an absolute escape", "/../../x", ["x"]],
    ["a name of dots that is none", "a/.../b", ["a", "...", "b"]],
    ["bytes that are not UTF-8", "f\xff", ["fÃ¿"]],
  ] as const)("cleans %s", ([, name, want]) => {
    expect(entryPath(toByteString(name))).toEqual(want);
  });

  test("refuses a NUL, which no file name has", () => {
    expect(entryPath(toByteString("a\0b"))).toBeUndefined();
  });
  test("takes the longest name, and refuses one byte more", () => {
    expect(entryPath(toByteString("x".repeat(MAX_PATH_BYTES)))).toHaveLength(1);
    expect(entryPath(toByteString("x".repeat(MAX_PATH_BYTES + 1)))).toBeUndefined();
  });
  test("takes the deepest name, and refuses one level more", () => {
    expect(entryPath(toByteString("x/".repeat(MAX_PATH_DEPTH)))).toHaveLength(MAX_PATH_DEPTH);
    expect(entryPath(toByteString("x/".repeat(MAX_PATH_DEPTH + 1)))).toBeUndefined();
  });
  test("never leaves the root, whatever the name", () => {
    const part = fc.constantFrom("a", "b", "..", ".", "", "\xff");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const path = entryPath(toByteString(parts.join("/")));
        expect(path?.every((component) => component !== "" && component !== "." && component !== "..")).toBe(true);
      }),
    );
  });
});

test.for([
  ["a file", "x", undefined],
  ["a dot file", ".wh", undefined],
  ["a whiteout", ".wh.x", { kind: "name", name: "x" }],
  ["a whiteout of a dot file", ".wh..x", { kind: "name", name: ".x" }],
  ["an opaque directory", ".wh..wh..opq", { kind: "opaque" }],
  ["a file of AUFS", ".wh..wh.plnk", { kind: "none" }],
  ["a whiteout of nothing", ".wh.", { kind: "none" }],
  ["a whiteout of the directory itself", ".wh..", { kind: "none" }],
  ["a whiteout of the directory above", ".wh...", { kind: "none" }],
] as const)("whiteoutOf() of %s", ([, name, want]) => {
  expect(whiteoutOf(toByteString(name))).toEqual(want);
});
