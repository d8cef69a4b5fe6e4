/*
 * Where output goes. `next` runs from OUTPUT up to the end given to `run` and a little further: a step of the decoder
 * is not cut short. `low` is how far back a match may reach: the start of the current member, or of what is still in
 * HISTORY of it. What lies below `low` may be bytes of an earlier member: part of a checkpoint's window, but not of
 * this member's.
 */
import { HISTORY, OUTPUT } from "./memory";
import { WINDOW_SIZE } from "./constants";

export class Output {
  static next: usize = OUTPUT;
  static low: usize = OUTPUT;
}

/** Makes room: moves the last 32768 bytes to HISTORY and goes on at OUTPUT. */
export function slideOutput(): void {
  const produced = Output.next - OUTPUT;
  // Source and destination may overlap; memory.copy is a memmove.
  memory.copy(HISTORY, Output.next - (WINDOW_SIZE as usize), WINDOW_SIZE as usize);
  Output.low = Output.low - HISTORY > produced ? Output.low - produced : HISTORY;
  Output.next = OUTPUT;
}
