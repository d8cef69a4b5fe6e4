import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { referrersTag, subjectOfTag } from "./referrers-tag.ts";

const SHA256 = digestOf(new Uint8Array());
const SHA512 = digestOf(new Uint8Array(), "sha512");

test("referrersTag() is the digest with a dash, cut to 64 hex digits", () => {
  expect(referrersTag(SHA256)).toBe("sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(referrersTag(SHA512)).toBe("sha512-cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce");
});

test.for([
  ["a list's tag", referrersTag(SHA256), SHA256],
  ["one that has a part of the digest", referrersTag(SHA512), "unknown"],
  ["a signature's tag", `${referrersTag(SHA256)}.sig`, undefined],
  ["an image's tag", "latest", undefined],
  ["too few digits", "sha256-e3b0", undefined],
  ["upper case", referrersTag(SHA256).toUpperCase(), undefined],
] as const)("subjectOfTag() of %s", ([, tag, want]) => {
  expect(subjectOfTag(tag)).toBe(want);
});
