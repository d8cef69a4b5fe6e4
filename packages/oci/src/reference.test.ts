import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { OciError } from "./errors.ts";
import { formatReference, isRepositoryName, isTag, parseReference } from "./reference.ts";

const DIGEST = digestOf(new Uint8Array());

test.for([
  ["a name", "example.com/a", { registry: "example.com", repository: "a" }],
  [
    "a port and a path",
    "localhost:5000/a/b-c/d__e:1.0",
    { registry: "localhost:5000", repository: "a/b-c/d__e", tag: "1.0" },
  ],
  ["localhost", "localhost/a", { registry: "localhost", repository: "a" }],
  ["an IPv6 address", "[::1]:5000/a:t", { registry: "[::1]:5000", repository: "a", tag: "t" }],
  ["a digest", `example.com/a@${DIGEST}`, { registry: "example.com", repository: "a", digest: DIGEST }],
  [
    "a tag and a digest",
    `example.com/a:t@${DIGEST}`,
    { registry: "example.com", repository: "a", tag: "t", digest: DIGEST },
  ],
] as const)("parseReference() of %s", ([, text, want]) => {
  expect(parseReference(text)).toEqual(want);
  expect(formatReference(parseReference(text))).toBe(text);
});

test.for([
  ["nothing", "", /needs a registry/],
  ["a name without a registry", "ubuntu:22.04", /needs a registry/],
  ["a path without a registry", "library/ubuntu", /"library" is not a host name/],
  ["a URL", "https://example.com/a", /"https:" is not a host/],
  ["a port past the last", "example.com:65536/a", /is not a host/],
  ["a host with two dots", "example..com/a", /is not a host/],
  ["a login", "user:pw@example.com/a", /not a digest/],
  ["upper case in the name", "example.com/A", /not a repository name/],
  ["dots in the path", "example.com/../a", /not a repository name/],
  ["no name", "example.com/", /not a repository name/],
  ["a tag that is none", "example.com/a:-x", /"-x" is not a tag/],
  ["an empty tag", "example.com/a:", /"" is not a tag/],
  ["a digest that is none", "example.com/a@sha256:abc", /not a digest/],
  ["a space", "example.com/a b", /not a repository name/],
  ["a long one", `example.com/${"a".repeat(2000)}`, /2012 characters/],
] as const)("parseReference() refuses %s", ([, text, message]) => {
  expect(() => parseReference(text)).toThrow(
    expect.objectContaining({ code: "ERR_OCI_INVALID_REFERENCE", message: expect.stringMatching(message) }),
  );
});

test("isTag() and isRepositoryName() hold to the longest", () => {
  expect([isTag("t".repeat(128)), isTag("t".repeat(129))]).toEqual([true, false]);
  expect([isRepositoryName("a".repeat(255)), isRepositoryName("a".repeat(256))]).toEqual([true, false]);
});

test("parseReference() of any text gives what formatReference() writes back, or a coded error", () => {
  const scraps = fc.array(
    fc.constantFrom(
      "a",
      "Z",
      "0",
      ".",
      "-",
      "_",
      "/",
      ":",
      "@",
      "[",
      "]",
      "example.com",
      "localhost",
      "5000",
      DIGEST,
      "é",
      "\n",
      " ",
    ),
    { maxLength: 14 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        scraps.map((all) => all.join("")),
        scraps.map((all) => `example.com/${all.join("")}`),
      ),
      (text) => {
        try {
          expect(formatReference(parseReference(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(OciError);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("isRepositoryName() and parseReference() take no longer for text made to make them", () => {
  const started = performance.now();
  for (const piece of ["a", "a-", "a--", "a_", "a.", "a/", "-"]) {
    isRepositoryName(`${piece.repeat(255 / piece.length)}!`);
    expect(() => parseReference(`${piece.repeat(1000 / piece.length)}!/x`)).toThrow(OciError);
    expect(() => parseReference(`x.y/${piece.repeat(900 / piece.length)}!`)).toThrow(OciError);
  }
  expect(performance.now() - started).toBeLessThan(2000);
});
