import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteLog } from "./byte-log.ts";
import { writeEntry } from "./entry-table.ts";
import { EntryLog } from "./entry-log.ts";
import { FlatbufferBuilder } from "./flatbuffer-builder.ts";
import { bytesText, sampleEntry } from "./testing/sample-ztoc.ts";

test("ByteLog gives back what was put, across chunks", () => {
  const items = fc.array(fc.oneof(fc.maxSafeInteger().map(Math.abs), fc.nat({ max: 70_000 })), { maxLength: 30 });
  fc.assert(
    fc.property(items, (numbers) => {
      const log = new ByteLog();
      const addresses = numbers.map((number, i) => {
        const address = log.end;
        log.putNumber(number);
        log.putText(bytesText(String.fromCharCode(i).repeat(number % 70_001)));
        log.putByte(i);
        return address;
      });
      const cursor = log.cursor();
      numbers.forEach((number, i) => {
        cursor.seek(addresses[i]!);
        expect(cursor.number()).toBe(number);
        const length = cursor.number();
        expect(length).toBe(number % 70_001);
        const text = new Uint8Array(length + 2);
        cursor.copyTo(text, 1, length);
        expect(text.subarray(1, 1 + length).every((byte) => byte === i)).toBe(true);
        expect([text[0], text.at(-1)]).toEqual([0, 0]);
        expect(cursor.byte()).toBe(i);
      });
    }),
    { numRuns: 20 },
  );
});

test("EntryLog writes entries as writeEntry() does", () => {
  const long = bytesText("\xff".repeat(300_000));
  const entries = [
    sampleEntry(),
    sampleEntry({ name: long, linkname: long, type: "symlink" }),
    sampleEntry({
      paxRecords: new Map([
        [bytesText("b"), long],
        [bytesText("a\xff"), bytesText("")],
        [bytesText("a"), bytesText("1")],
      ]),
    }),
    sampleEntry({ uncompressedSize: -5, mode: Number.MAX_SAFE_INTEGER, uid: 0xffff_ffff, devmajor: -1 }),
  ];
  const log = new EntryLog();
  const direct = new FlatbufferBuilder();
  const logged = new FlatbufferBuilder();
  for (const entry of entries) expect(log.push(entry)).toBe(false);
  expect(() => log.write(logged, 4)).toThrow(RangeError);
  for (let i = entries.length - 1; i >= 0; i--) expect(log.write(logged, i)).toBe(writeEntry(direct, entries[i]!));
  const bytes = logged.finish(logged.offsetVector([]));
  expect(Buffer.compare(bytes, direct.finish(direct.offsetVector([])))).toBe(0);
  expect(log.encodedSizeBound).toBeGreaterThan(bytes.length);
});

test("EntryLog says which entries have numbers that a double cannot hold", () => {
  const log = new EntryLog();
  expect(log.push({ ...sampleEntry(), mode: 2n ** 60n })).toBe(true);
  expect(log.push(sampleEntry({ mode: -1 }))).toBe(false);
});
