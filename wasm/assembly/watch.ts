/*
 * Watching how far back matches reach, for indexes that keep only the bytes of a window that are needed. Off, it costs
 * nothing: the decoder compares each match's source with `Output.low` in any case. Watching raises `low` above `floor`,
 * which is how far a match may reach; what lies between them is told to `reach`, by the fast loop in batches.
 *
 * Window: which bytes of the window before a span are referenced. `low` is the span's start.
 *
 * Crossings: for each boundary, how many matches behind it have a source that begins before it. `low` is the latest
 * boundary. A match that begins before boundary k of those in the ring crosses k and all later ones: it is counted at
 * k alone, and a count is the sum of those up to it. A boundary that is added has crossed nothing yet, so it begins
 * with minus the sum of all before; one that is taken out passes what it has on to the next. Boundaries are told from
 * the outside, and are taken out when they lie 32768 bytes back: no match reaches them then.
 */
import { CROSSINGS, CROSSINGS_CAPACITY, HISTORY, REACHES, WINDOW_USE } from "./memory";
import { WINDOW_SIZE } from "./constants";
import { Output } from "./output";

export class Watch {
  /** The end of the watched window, as an address; HISTORY: no window is watched, or it is out of reach. */
  static windowEnd: usize = HISTORY;
  /** The end of the output whose references count, as an address. */
  static rangeEnd: usize = 0;
  /** What addresses have moved down by so far, modulo 2^32. */
  static moved: u32 = 0;
  /** The ring of boundaries: its first entry, and how many there are. */
  static first: u32 = 0;
  static boundaries: u32 = 0;
  /** Sums over the ring: what the latest boundary has. */
  static matches: i32 = 0;
  static bytes: i32 = 0;
  /** The end of the matches that the fast loop has noted and that are not looked at yet. */
  static reaches: usize = REACHES;
}

export function stopWatching(): void {
  Watch.windowEnd = HISTORY;
  Watch.first = 0;
  Watch.boundaries = 0;
  Watch.matches = 0;
  Watch.bytes = 0;
  Watch.reaches = REACHES;
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
  store<i32>(added, -Watch.matches, 4);
  store<i32>(added, -Watch.bytes, 8);
  Watch.matches = 0;
  Watch.bytes = 0;
  Output.low = Output.next;
}

/** Takes out the earliest boundary. Its counts can be read at the answer, until the next is added. */
export function takeBoundary(): usize {
  const taken = entry(0);
  if (--Watch.boundaries == 0) {
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

/** `reach` for all that the fast loop has noted; false if one of them may not be. */
export function lookAtReaches(): bool {
  const end = Watch.reaches;
  Watch.reaches = REACHES;
  for (let at = REACHES; at < end; at += 12) {
    if (!reach(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8))) return false;
  }
  return true;
}

/** A match from `from`, below `Output.low`, to `to`: whether it may be. */
export function reach(from: usize, to: usize, length: u32): bool {
  if (from < Output.floor) return false;
  const source = min(length, (to - from) as u32);
  if (from < Watch.windowEnd && to < Watch.rangeEnd) {
    const referenced = min(source as usize, min(Watch.windowEnd - from, Watch.rangeEnd - to));
    memory.fill(WINDOW_USE + (from + WINDOW_SIZE - Watch.windowEnd), 1, referenced);
  }
  if (Watch.boundaries) {
    // The first boundary behind `from`: the latest is.
    const position: u32 = from as u32 + Watch.moved;
    let high: u32 = Watch.boundaries - 1;
    let low: u32 = high;
    // Usually it is the only one, or the one before lies before `from` too.
    if (high > 0 && ((load<u32>(entry(high - 1)) - position) as i32) > 0) low = 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((load<u32>(entry(middle)) - position) as i32) > 0) high = middle;
      else low = middle + 1;
    }
    const crossed = entry(low);
    store<i32>(crossed, load<i32>(crossed, 4) + 1, 4);
    store<i32>(crossed, load<i32>(crossed, 8) + (source as i32), 8);
    Watch.matches++;
    Watch.bytes += source as i32;
  }
  return true;
}
