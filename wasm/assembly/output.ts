/*
 * Where output goes. `next` runs from OUTPUT up to the end given to `run` and a little further: a step of the decoder
 * is not cut short. `floor` is how far back a match may reach: the start of the current member, or of what is still in
 * HISTORY of it. What lies below may be bytes of an earlier member: part of a checkpoint's window, but not of this
 * member's. `low` is where matches begin to be looked at: the same, or above it where they are watched (watch.ts).
 */
import { HISTORY, OUTPUT } from "./memory";
import { WINDOW_SIZE } from "./constants";
import { moveWatched } from "./watch";

export class Output {
  static next: usize = OUTPUT;
  static floor: usize = OUTPUT;
  static low: usize = OUTPUT;
}

/** Matches may reach back to `address` from here on, and none is watched. */
export function setFloor(address: usize): void {
  Output.floor = address;
  Output.low = address;
}

@inline
function moved(address: usize, distance: usize): usize {
  return address - HISTORY > distance ? address - distance : HISTORY;
}

/** Makes room: moves the last 32768 bytes to HISTORY and goes on at OUTPUT. */
export function slideOutput(): void {
  const produced = Output.next - OUTPUT;
  // Source and destination may overlap; memory.copy is a memmove.
  memory.copy(HISTORY, Output.next - (WINDOW_SIZE as usize), WINDOW_SIZE as usize);
  Output.floor = moved(Output.floor, produced);
  Output.low = moved(Output.low, produced);
  moveWatched(produced);
  Output.next = OUTPUT;
}
