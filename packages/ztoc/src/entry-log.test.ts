import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes } from "@socikit/oci";
import { writeEntry } from "./entry-table.ts";
import { EntryLog } from "./entry-log.ts";
import { FlatbufferBuilder } from "./flatbuffer-builder.ts";
import { FlatbufferReader } from "./flatbuffer-reader.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";
import type { Int64 } from "./tar-number.ts";
import { bytesText, sampleEntry } from "./testing/sample-ztoc.ts";
import { ENTRY_TYPES, type TocEntry } from "./ztoc.ts";

function toInt64(value: bigint): Int64 {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

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

test("EntryLog writes any entries as writeEntry() does, in chunks, and those that were saved and restored too", () => {
  const text = fc
    .oneof(
      fc.constantFrom("", "root", "a"),
      fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 40 }),
    )
    .map(bytesText);
  const number = fc.oneof(
    fc.constant(0),
    fc.nat(1000),
    fc.maxSafeInteger(),
    fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(toInt64),
  );
  const uint32 = fc.oneof(fc.constant(0), fc.nat(0xffff_ffff));
  const entry = fc.record({
    name: fc.oneof(
      { weight: 20, arbitrary: text },
      { weight: 1, arbitrary: fc.constant(bytesText("n".repeat(200_000))) },
    ),
    type: fc.constantFrom(...ENTRY_TYPES),
    headerOffset: fc.constant(0),
    uncompressedOffset: fc.nat(Number.MAX_SAFE_INTEGER),
    uncompressedSize: number,
    linkname: text,
    mode: number,
    uid: uint32,
    gid: uint32,
    uname: text,
    gname: text,
    modTime: fc.constantFrom("", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.123456789Z"),
    devmajor: number,
    devminor: number,
    paxRecords: fc.oneof(
      fc.constant(new Map()),
      fc.array(fc.tuple(text, text), { maxLength: 3 }).map((all) => new Map(all)),
    ),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 40 }), fc.nat(40), (entries, cut) => {
      const log = new EntryLog();
      const restored = new EntryLog();
      const since = Math.min(cut, entries.length);
      const saved = [0, since].map((from, i) => {
        for (const one of entries.slice(from, i === 0 ? since : undefined)) log.push(one);
        const state = new StateWriter();
        log.saveAdded(state, from);
        return concatBytes(state.parts());
      });
      for (const bytes of saved) {
        const state = new StateReader(bytes);
        restored.restoreAdded(state);
        state.end();
      }
      expect([restored.length, restored.size, restored.encodedSizeBound]).toEqual([
        entries.length,
        log.size,
        log.encodedSizeBound,
      ]);
      const [direct, ...logged] = [undefined, log, restored].map((from) => {
        const builder = new FlatbufferBuilder();
        const tables: number[] = [];
        for (let i = entries.length - 1; i >= 0; i--)
          tables.push(from === undefined ? writeEntry(builder, entries[i] as TocEntry) : from.write(builder, i));
        return Buffer.from(builder.finish(builder.offsetVector(tables)));
      });
      for (const bytes of logged) expect(Buffer.compare(bytes, direct!)).toBe(0);
      // The ends of the buffer, and vtables, are no entry's.
      expect(log.encodedSizeBound + 2000).toBeGreaterThan(direct!.length);
      expect(log.size).toBeLessThan(direct!.length);
    }),
    { numRuns: 150 },
  );
});

test("EntryLog.restoreAdded() takes no bytes that are no entries", () => {
  const log = new EntryLog();
  log.push(sampleEntry({ paxRecords: new Map([[bytesText("k"), bytesText("value")]]) }));
  const state = new StateWriter();
  log.saveAdded(state, 0);
  const saved = concatBytes(state.parts());
  fc.assert(
    fc.property(fc.nat(saved.length - 1), fc.nat(255), (at, byte) => {
      const other = new EntryLog();
      const reader = new StateReader(saved.with(at, byte));
      try {
        other.restoreAdded(reader);
        reader.end();
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_ZTOC_STATE_MALFORMED" });
        return;
      }
      // What is taken can be written and read.
      const builder = new FlatbufferBuilder();
      const bytes = builder.finish(other.write(builder, 0));
      const reading = new FlatbufferReader(bytes, "entry", "ERR_ZTOC_MALFORMED");
      for (const slot of [0, 1, 4, 8, 9, 10]) reading.checkString(reading.target(reading.root(), slot));
    }),
    { numRuns: 2000 },
  );
});

test("EntryLog says which entries have numbers that a double cannot hold", () => {
  const log = new EntryLog();
  expect(log.push({ ...sampleEntry(), mode: 2n ** 60n })).toBe(true);
  expect(log.push(sampleEntry({ mode: -1 }))).toBe(false);
});
