import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes } from "./concat-bytes.ts";

test("concatBytes() gives the bytes of all chunks in order, a copy", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (chunks) => {
      const all = concatBytes(chunks);
      expect([...all]).toEqual(chunks.flatMap((chunk) => [...chunk]));
      expect(chunks.every((chunk) => chunk.length === 0 || chunk.buffer !== all.buffer)).toBe(true);
    }),
  );
});
