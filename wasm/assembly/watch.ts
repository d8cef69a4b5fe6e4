/*
 * Watching how far back matches reach, for indexes that keep only the bytes of a window that are needed. Off, it costs
 * nothing: the decoder compares each match's source with `Output.low` in any case. Watching raises `low` above `floor`,
 * which is how far a match may reach; for what lies between them the fast loop is left and `reach` is asked. One of two
 * things is watched, never both:
 *
 * Window: which bytes of the window before a span are referenced. `low` is the span's start.
 *
 * Crossings: for each boundary, how many matches behind it have a source that begins before it. A match that begins
 * before boundary k of those in the ring crosses k and all later ones: it is counted at k alone, and a count is the sum
 * of those up to it. A boundary that is added has crossed nothing yet, so it begins with minus the sum of all before;
 * one that is taken out passes what it has on to the next. Boundaries are told from the outside, and are taken out when
 * they lie 32768 bytes back: no match reaches them then.
 *
 * Nearly all matches that cross anything cross the latest boundary alone. The fast loop counts these itself, at CROSSED
 * and without a branch; `low` is the boundary before. Counting costs 4–9 % so; it was 10–19 % when every match that crosses
 * a boundary was noted for later, and 7 % of it is that V8's registers run out, whatever is counted.
 */
import { CROSSINGS, CROSSINGS_CAPACITY, HISTORY, WINDOW_USE } from "./memory";
import { WINDOW_SIZE } from "./constants";
import { Output } from "./output";

/**
 * What crossed the latest boundary and is not in its entry yet: matches in the high half of the word, their bytes in the
 * low one. At most 11,008 matches and 33,025 bytes begin in the 32768 bytes of output that reach back to it.
 */
export const CROSSED: usize = WINDOW_USE;
export const ONE_MATCH: u32 = 0x10000;

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
  /** Sums over the ring: what the latest boundary has. */
  static matches: i32 = 0;
  static bytes: i32 = 0;
}

export function stopWatching(): void {
  Watch.windowEnd = HISTORY;
  Watch.latest = HISTORY;
  Watch.first = 0;
  Watch.boundaries = 0;
  Watch.matches = 0;
  Watch.bytes = 0;
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

/** Moves what is at CROSSED to the latest boundary's entry. */
function settle(): void {
  const crossed = load<u32>(CROSSED);
  store<u32>(CROSSED, 0);
  count(entry(Watch.boundaries - 1), (crossed >> 16) as i32, (crossed & 0xffff) as i32);
}

@inline
function count(boundary: usize, matches: i32, bytes: i32): void {
  store<i32>(boundary, load<i32>(boundary, 4) + matches, 4);
  store<i32>(boundary, load<i32>(boundary, 8) + bytes, 8);
  Watch.matches += matches;
  Watch.bytes += bytes;
}

/** Begins to count at a boundary at the current output. There must be room. */
export function addBoundary(): void {
  if (Watch.boundaries) settle();
  else store<u32>(CROSSED, 0);
  const added = entry(Watch.boundaries++);
  store<u32>(added, Output.next as u32 + Watch.moved);
  store<i32>(added, -Watch.matches, 4);
  store<i32>(added, -Watch.bytes, 8);
  Watch.matches = 0;
  Watch.bytes = 0;
  Output.low = max(Output.floor, Watch.latest);
  Watch.latest = Output.next;
}

/** Takes out the earliest boundary. Its counts can be read at the answer, until the next is added. */
export function takeBoundary(): usize {
  settle();
  const taken = entry(0);
  if (--Watch.boundaries == 0) {
    Watch.latest = HISTORY;
    Watch.matches = 0;
    Watch.bytes = 0;
  } else {
    const next = entry(1);
    store<i32>(next, load<i32>(next, 4) + load<i32>(taken, 4), 4);
    store<i32>(next, load<i32>(next, 8) + load<i32>(taken, 8), 8);
  }
  Watch.first++;
  return taken;
}

/** A match from `from`, below `Output.low`, to `to`: whether it may be. */
export function reach(from: usize, to: usize, length: u32): bool {
  if (from < Output.floor) return false;
  if (from < Watch.windowEnd && to < Watch.rangeEnd) {
    const referenced = min(min(length as usize, to - from), min(Watch.windowEnd - from, Watch.rangeEnd - to));
    memory.fill(WINDOW_USE + (from + WINDOW_SIZE - Watch.windowEnd), 1, referenced);
  }
  if (Watch.boundaries > 1) {
    // The first boundary behind `from`. The last but one is.
    const position: u32 = from as u32 + Watch.moved;
    let high: u32 = Watch.boundaries - 2;
    let low: u32 = high;
    // Usually it is the only one, or the one before lies before `from` too.
    if (high > 0 && ((load<u32>(entry(high - 1)) - position) as i32) > 0) low = 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((load<u32>(entry(middle)) - position) as i32) > 0) high = middle;
      else low = middle + 1;
    }
    count(entry(low), 1, length as i32);
    // It has been counted at the latest too.
    count(entry(Watch.boundaries - 1), -1, -(length as i32));
  }
  return true;
}

/** Counts a match from `from` where it crosses the latest boundary. What the fast loop has written out. */
export function cross(from: usize, length: u32): void {
  if (from < Watch.latest) store<u32>(CROSSED, load<u32>(CROSSED) + ONE_MATCH + length);
}
