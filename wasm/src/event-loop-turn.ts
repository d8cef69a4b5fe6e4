/** Output between two turns of the event loop: after that timers, input and aborts get their turn. */
export const TURN: number = 4 * 1024 * 1024;

/** Time between two, in milliseconds, where little output comes: of empty blocks and empty members. */
const TURN_TIME = 20;

/** Lets the event loop go round once. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/**
 * Counts towards the next turn of the event loop: by bytes, and by time. Each is there for where the other stands still: where
 * nothing comes out, and on hosts whose clock only moves between turns (Cloudflare Workers).
 */
export class EventLoopTurns {
  readonly #signal: AbortSignal | undefined;
  #bytes = 0;
  #since: number = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Whether it is time for one, after so many more bytes, of input or output. {@linkcode take} is then to be called. */
  isDue(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes >= TURN || performance.now() - this.#since >= TURN_TIME;
  }

  /** Lets the event loop go round. @throws the signal's reason. */
  async take(): Promise<void> {
    await eventLoopTurn();
    this.#bytes = 0;
    this.#since = performance.now();
    this.#signal?.throwIfAborted();
  }
}
