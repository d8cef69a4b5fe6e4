import { byteStringOf, toByteString } from "@socikit/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isPattern, matchesName, parsePattern, patternProblem } from "./path-pattern.ts";

function matches(pattern: string, name: string | Uint8Array): boolean {
  const [component] = parsePattern([toByteString(pattern)]);
  if (component?.kind !== "name") throw new Error(`"${pattern}" is no component`);
  return matchesName(component, toByteString(name));
}

test.for<[string, string, string, boolean]>([
  ["itself", "a.so", "a.so", true],
  ["a part of the name", "a.so", "a.so.1", false],
  ["the rest of the name", "*.so", "lib.so", true],
  ["nothing at a star", "a*", "a", true],
  ["a dot in front", "*", ".profile", true],
  ["a star that has to go on", "*.so.*", "a.so.b.so.1", true],
  ["two stars in one component", "a**b", "axyb", true],
  ["one character", "lib?.so", "libé.so", true],
  ["two characters", "lib?.so", "lib12.so", false],
  ["no character", "lib?.so", "lib.so", false],
  ["one of a set", "[ab]c", "bc", true],
  ["none of a set", "[ab]c", "cc", false],
  ["a range", "[a-cx]", "b", true],
  ["a range beyond ASCII", "[α-ω]", "λ", true],
  ["others than a set's", "[!a-c]", "d", true],
  ["a set's, where others are wanted", "[^a-c]", "b", false],
  ["a bracket in a set", "[]]", "]", true],
  ["a hyphen at a set's end", "[a-]", "-", true],
  ["the program called [", "[", "[", true],
  ["a bracket that nothing closes", "[ab", "[ab", true],
  ["an escaped star", "\\*", "*", true],
  ["an escaped star, another name", "\\*", "x", false],
  ["an escaped bracket in a set", "[\\]a]", "]", true],
  ["a backslash at the end", "a\\", "a\\", true],
])("matchesName() fits %s", ([, pattern, name, want]) => {
  expect(matches(pattern, name)).toBe(want);
});

test("matchesName() takes each byte that is not UTF-8 as one character, and as no letter", () => {
  const name = Uint8Array.of(0x61, 0xff, 0xfe);
  expect(matches("a??", name)).toBe(true);
  expect(matches("a?", name)).toBe(false);
  expect(matches("aÿþ", name)).toBe(false);
  expect(matches("a*", name)).toBe(true);
});

const SOURCES = new Map([
  ["*", ".*"],
  ["?", "."],
  ["[!a]", "[^a]"],
]);

test("matchesName() agrees with a regular expression", () => {
  const token = fc.constantFrom("a", "b", "*", "?", "[ab]", "[!a]", "ä");
  fc.assert(
    fc.property(fc.array(token, { maxLength: 6 }), fc.array(fc.constantFrom("a", "b", "c", "ä")), (tokens, letters) => {
      const source = tokens.map((t) => SOURCES.get(t) ?? t).join("");
      const pattern = tokens.join("");
      if (pattern === "**") return;
      expect(matches(pattern, letters.join(""))).toBe(new RegExp(`^(?:${source})$`, "su").test(letters.join("")));
    }),
    { numRuns: 500 },
  );
});

test("matchesName() does not take time without end", () => {
  const name = "a".repeat(4095);
  const started = process.cpuUsage();
  expect(matches(`${"*a".repeat(100)}b`, name)).toBe(false);
  // 30 ms; a pattern that tries every star would not end.
  expect(process.cpuUsage(started).user).toBeLessThan(2_000_000);
});

test.for([
  ["a pattern", "usr/lib*/[a-z].so", false],
  ["a set that nothing closes", "usr/[a-", true],
  ["one behind a set", "[a]b[c", true],
  ["an escaped bracket", "\\[a", false],
  ["the program called [", "usr/bin/[", false],
] as const)("patternProblem() of %s", ([, path, isBroken]) => {
  const components = path.split("/").map((component) => toByteString(component));
  expect(patternProblem(components)).toEqual(isBroken ? expect.stringContaining('"["') : undefined);
});

test("parsePattern() takes many brackets that nothing closes in one go", () => {
  const started = process.cpuUsage();
  parsePattern([toByteString("[".repeat(50_000))]);
  // 60 ms; with a look for the end of each, seconds.
  expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
});

test("isPattern() tells what is worth trying as one", () => {
  expect(["a", "a*", "a?", "[", "a\\b"].map((path) => isPattern(toByteString(path)))).toEqual([
    false,
    true,
    true,
    true,
    true,
  ]);
  expect(parsePattern([toByteString("**"), byteStringOf(Uint8Array.of(42))]).map(({ kind }) => kind)).toEqual([
    "any-depth",
    "name",
  ]);
});
