import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SaveableSha256 } from "./saveable-sha256.ts";

function hashOf(bytes: Uint8Array): string {
  const hash = new SaveableSha256();
  hash.update(bytes);
  return hash.digest();
}

test.for([
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  // FIPS 180-2, B.2: a block and the length's.
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
])("SaveableSha256 of %j", ([text, hex]) => {
  expect(hashOf(new TextEncoder().encode(text))).toBe(`sha256:${hex}`);
});

test("SaveableSha256 agrees with node:crypto on every length up to four blocks", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i * 7);
  for (let length = 0; length <= bytes.length; length++) {
    const part = bytes.subarray(0, length);
    expect(hashOf(part)).toBe(`sha256:${createHash("sha256").update(part).digest("hex")}`);
  }
});

test("SaveableSha256 saved and restored, at any byte and however the bytes are cut, gives the same digest", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (pieces) => {
      let hash = new SaveableSha256();
      for (const piece of pieces) {
        hash.update(piece);
        hash = SaveableSha256.restore(hash.save())!;
      }
      const whole = createHash("sha256");
      for (const piece of pieces) whole.update(piece);
      expect(hash.digest()).toBe(`sha256:${whole.digest("hex")}`);
    }),
  );
});

test("SaveableSha256.restore() refuses what none has saved", () => {
  const hash = new SaveableSha256();
  hash.update(new Uint8Array(70));
  const state = hash.save();
  const withLength = (length: number): Uint8Array => {
    const copy = state.slice();
    new DataView(copy.buffer).setFloat64(32, length, true);
    return copy;
  };
  const refused = [
    new Uint8Array(0),
    state.subarray(0, 39),
    state.subarray(0, -1),
    withLength(71),
    withLength(-58),
    withLength(NaN),
    withLength(Infinity),
    withLength(6.5),
  ];
  for (const bytes of refused) expect(SaveableSha256.restore(bytes)).toBeUndefined();
  expect(SaveableSha256.restore(state)).toBeDefined();
});
