import type { MemberStart } from "@socikit/inflate";
import { describe, expect, test } from "vitest";
import { MemberCheck } from "./member-check.ts";

function member(fields: Partial<MemberStart>): MemberStart {
  return { format: "gzip", compressed: 0, headerEnd: 10, uncompressed: 0, longestText: 0, ...fields };
}

describe("MemberCheck", () => {
  test.each<readonly [string, Partial<MemberStart>, string | undefined]>([
    ["nothing in a plain member", {}, undefined],
    ["nothing in a name of 511 bytes", { longestText: 511 }, undefined],
    ["a name of 512 bytes", { longestText: 512 }, "Cannot index layer: gzip: invalid header (the member at byte 0 has"],
    ["a zlib stream", { format: "zlib" }, "Cannot index layer: gzip: invalid header (the member at byte 0 is"],
    ["a later one", { format: "zlib", compressed: 30 }, "error while reading tar header: gzip: invalid header"],
    // A fixed header is ten bytes, which a short zlib stream at the end has not.
    ["a short one", { format: "zlib", compressed: 91 }, "error while reading tar header: unexpected EOF"],
    ["one that is just long enough", { format: "zlib", compressed: 90 }, "gzip: invalid header"],
  ])("finds %s", (_, fields, message) => {
    const check = new MemberCheck();
    expect(check.push(member(fields)) !== undefined).toBe(message !== undefined);
    if (message === undefined) expect(check.error(100)).toBeUndefined();
    else expect(check.error(100)?.message).toContain(message);
  });

  test("tells whether the error comes with the bytes before: not behind an empty member, nor behind whole windows", () => {
    for (const [length, comesWithData] of [
      [0, false],
      [1, true],
      [32768, false],
      [65537, true],
    ] as const) {
      const check = new MemberCheck();
      expect(check.push(member({ uncompressed: 1000 }))).toBeUndefined();
      expect(check.push(member({ uncompressed: 1000 + length, format: "zlib" }))).toEqual({ comesWithData });
    }
  });

  test("keeps the first", () => {
    const check = new MemberCheck();
    check.push(member({ compressed: 20, format: "zlib" }));
    expect(check.push(member({ compressed: 40, longestText: 600 }))).toBeUndefined();
    expect(check.error(100)?.message).toContain("the member at byte 20 is a zlib stream");
  });
});
