import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { algorithmOf, createDigester, digestOf, hexOf, isDigest, parseDigest } from "./digest.ts";

const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

test.for([
  ["SHA-256", EMPTY, true],
  ["SHA-512", `sha512:${"0123456789abcdef".repeat(8)}`, true],
  ["upper-case hex", EMPTY.toUpperCase().replace("SHA", "sha"), false],
  ["an upper-case algorithm", EMPTY.replace("sha", "SHA"), false],
  ["one digit less", EMPTY.slice(0, -1), false],
  ["one digit more", `${EMPTY}0`, false],
  ["a line break after it", `${EMPTY}\n`, false],
  ["an unknown algorithm", `md5:${"0".repeat(32)}`, false],
  ["SHA-512 of SHA-256's length", EMPTY.replace("256", "512"), false],
  ["a path", "sha256:../../etc/passwd", false],
  ["nothing", "", false],
] as const)("parseDigest() and isDigest() of %s", ([, text, valid]) => {
  expect(isDigest(text)).toBe(valid);
  if (valid) expect(parseDigest(text)).toBe(text);
  else expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: "ERR_OCI_INVALID_DIGEST" }));
});

test("algorithmOf() and hexOf() take a digest apart", () => {
  const digest = digestOf(new Uint8Array(), "sha512");
  expect(`${algorithmOf(digest)}:${hexOf(digest)}`).toBe(digest);
  expect(algorithmOf(parseDigest(EMPTY))).toBe("sha256");
});

test.for([
  // FIPS 180-4's example, and nothing.
  ["sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["sha256", "", hexOf(parseDigest(EMPTY))],
  [
    "sha512",
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
] as const)("digestOf() with %s of %j", ([algorithm, text, hex]) => {
  expect(digestOf(new TextEncoder().encode(text), algorithm)).toBe(`${algorithm}:${hex}`);
});

afterEach(() => vi.unstubAllGlobals());

test("createDigester() gives the same digest for any cut, with the host's hash and without", async () => {
  vi.stubGlobal("process", undefined);
  vi.resetModules();
  const library = await import("./digest.ts");
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (pieces) => {
      for (const algorithm of ["sha256", "sha512"] as const) {
        const [here, there] = [createDigester(algorithm), library.createDigester(algorithm)];
        for (const piece of pieces) {
          here.update(piece);
          there.update(piece);
        }
        const whole = digestOf(Uint8Array.from(pieces.flatMap((piece) => [...piece])), algorithm);
        expect([here.digest(), there.digest()]).toEqual([whole, whole]);
      }
    }),
  );
});
