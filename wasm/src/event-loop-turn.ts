/** Output between two turns of the event loop: after that timers, input and aborts get their turn. */
export const TURN: number = 4 * 1024 * 1024;

/** Lets the event loop go round once. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
