/*
 * Watching how far back matches reach, for indexes that keep only the bytes of a window that are needed. Off, it costs
 * nothing: the loop that decodes is compiled once without. The one that watches writes each match down before it looks
 * whether it may be (`noteMatch`); what it wrote is gone through afterwards. One of two things is watched, never both:
 *
 * Window: which bytes of the window before a span are referenced. `Output.low`, what matches may not reach below, is then the
 * span's start instead of `Output.floor`: the loop is left at once, and `reach` is asked.
 *
 * Crossings: for each boundary, how many matches behind it have a source that begins before it, four matches at a time.
 * Boundaries are told from the outside, and are taken out when they lie 32768 bytes back: no match reaches them then.
 *
 * It costs 3–5 % under Node 20 and 5–7 % under 24, of which 1–2 % is the second loop, 3 % the word for each match, 1 % the counting:
 * by a harness older than bench/, which finds 4–12 %.
 *
 * Tried before: leaving the loop for every match that crosses (10–19 % of the speed), counting in the loop without a branch
 * what crosses the latest boundary (2–3 % more: a read, four operations and a boundary to compare with, when V8's registers
 * have run out already).
 */
import { CROSSINGS, CROSSINGS_CAPACITY, HISTORY, MATCHES, WINDOW_USE } from "./memory";
import { WINDOW_SIZE } from "./constants";
import { Output } from "./output";

/** A match as it is written down: its source's address above, its length below. */
const LENGTH_BITS: u32 = 9;
const LENGTH_MASK: u32 = (1 << LENGTH_BITS) - 1;
/** Crosses no boundary. */
const NO_MATCH: i32 = 0x7fffffff;

export class Watch {
  /** The end of the watched window, as an address; HISTORY: no window is watched, or it is out of reach. */
  static windowEnd: usize = HISTORY;
  /** The end of the output whose references count, as an address. */
  static rangeEnd: usize = 0;
  /** What addresses have moved down by so far, modulo 2^32. */
  static moved: u32 = 0;
  /** The latest boundary, as an address; HISTORY: there is none, or it is out of reach. */
  static latest: usize = HISTORY;
  /** The ring of boundaries: its first entry, and how many there are. */
  static first: u32 = 0;
  static boundaries: u32 = 0;
}

export function stopWatching(): void {
  Watch.windowEnd = HISTORY;
  Watch.latest = HISTORY;
  Watch.first = 0;
  Watch.boundaries = 0;
}

/**
 * Begins to note at WINDOW_USE which bytes of the window before the current output are referenced by the next `length`
 * bytes of output.
 */
export function watchWindow(length: usize): void {
  memory.fill(WINDOW_USE, 0, WINDOW_SIZE as usize);
  Watch.windowEnd = Output.next;
  Watch.rangeEnd = Output.next + length;
  Output.low = Output.next;
}

/** To be called when output has moved down. */
export function moveWatched(distance: usize): void {
  Watch.moved += distance as u32;
  Watch.windowEnd = Watch.windowEnd - HISTORY > distance ? Watch.windowEnd - distance : HISTORY;
  Watch.rangeEnd = Watch.rangeEnd > distance ? Watch.rangeEnd - distance : 0;
  Watch.latest = Watch.latest - HISTORY > distance ? Watch.latest - distance : HISTORY;
}

/** An entry: position, matches, bytes, unused. */
@inline
function entry(index: u32): usize {
  return CROSSINGS + ((((Watch.first + index) & (CROSSINGS_CAPACITY - 1)) as usize) << 4);
}

/** Begins to count at a boundary at the current output. There must be room. */
export function addBoundary(): void {
  const added = entry(Watch.boundaries++);
  store<u32>(added, Output.next as u32 + Watch.moved);
  store<u64>(added, 0, 4);
  Watch.latest = Output.next;
}

/** Takes out the earliest boundary. Its counts can be read at the answer, until the next is added. */
export function takeBoundary(): usize {
  const taken = entry(0);
  Watch.first++;
  if (--Watch.boundaries == 0) Watch.latest = HISTORY;
  return taken;
}

/** Writes a match down at `at`, where the next one comes 4 bytes further on. */
@inline
export function noteMatch(at: usize, from: usize, length: u32): void {
  store<u32>(at, ((from as u32) << LENGTH_BITS) | length);
}

/** The source and the length of a match that was written down. */
export function notedSource(at: usize): usize {
  return (load<u32>(at) >> LENGTH_BITS) as usize;
}
export function notedLength(at: usize): u32 {
  return load<u32>(at) & LENGTH_MASK;
}

/** Goes through the matches written down at MATCHES, up to `end`: all begin behind every boundary. */
export function countCrossings(end: usize): void {
  if (end == MATCHES || Watch.boundaries == 0) return;
  v128.store(end, i32x4.splat(NO_MATCH));
  for (let index = Watch.boundaries; index > 0; index--) {
    const boundary = entry(index - 1);
    const address: u32 = load<u32>(boundary) - Watch.moved;
    // Moved out of memory, which no match reaches.
    if ((address as i32) <= (HISTORY as i32)) return;
    const limit = i32x4.splat((address << LENGTH_BITS) as i32);
    let matches = i32x4.splat(0);
    let bytes = matches;
    for (let at: usize = MATCHES; at < end; at += 16) {
      const noted = v128.load(at);
      const crosses = i32x4.lt_s(noted, limit);
      matches = i32x4.sub(matches, crosses);
      bytes = i32x4.add(bytes, v128.and(v128.and(noted, crosses), i32x4.splat(LENGTH_MASK as i32)));
    }
    const count = sumOf(matches);
    // What crosses an earlier boundary crosses this one, too.
    if (count == 0) return;
    store<u32>(boundary, load<u32>(boundary, 4) + count, 4);
    store<u32>(boundary, load<u32>(boundary, 8) + sumOf(bytes), 8);
  }
}

@inline
function sumOf(lanes: v128): u32 {
  return (i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1)
    + i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3)) as u32;
}

/** A match from `from`, below `Output.low`, to `to`: whether it may be. */
export function reach(from: usize, to: usize, length: u32): bool {
  if (from < Output.floor) return false;
  if (from < Watch.windowEnd && to < Watch.rangeEnd) {
    const referenced = min(min(length as usize, to - from), min(Watch.windowEnd - from, Watch.rangeEnd - to));
    memory.fill(WINDOW_USE + (from + WINDOW_SIZE - Watch.windowEnd), 1, referenced);
  }
  return true;
}

/** As what is written down in the loop, for one match. */
export function cross(from: usize, length: u32): void {
  noteMatch(MATCHES, from, length);
  countCrossings(MATCHES + 4);
}
