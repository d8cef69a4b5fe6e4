/** A build whose turn has come. */
export interface Turn {
  /**
   * Says how many bytes the build counts as, from now on. Resolves when there is room for them; at once where they are no
   * more than before. The build that began first never waits: it is the one that makes room for the others.
   */
  count(bytes: number, signal: AbortSignal): Promise<void>;
  /** Makes room for others. Harmless when called again. */
  leave(): void;
}

/** Who may build: so many at once, and as many as fit into so many bytes, in the order in which they came. */
export class BuildAdmission {
  readonly #slots: number;
  readonly #bytes: number;
  #counted = 0;
  /** Those whose turn has come, the oldest first. */
  readonly #running: Set<RunningTurn> = new Set();
  readonly #waiting: Set<Waiting> = new Set();

  constructor(slots: number, bytes: number) {
    this.#slots = slots;
    this.#bytes = bytes;
  }

  /** Waits for a turn. A build that is alone has it at once, however many bytes it counts as. */
  enter(bytes: number, signal: AbortSignal): Promise<Turn> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const turn: RunningTurn = {
      bytes,
      grow: undefined,
      count: (more, until) => this.#count(turn, more, until),
      leave: () => this.#leave(turn),
    };
    return new Promise((resolve, reject) => {
      const waiting = this.#wait(signal, reject, () => resolve(turn), turn);
      this.#waiting.add(waiting);
      this.#admit();
    });
  }

  #count(turn: RunningTurn, bytes: number, signal: AbortSignal): Promise<void> {
    if (!this.#running.has(turn) || bytes <= turn.bytes) return Promise.resolve();
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const isOldest = (): boolean => this.#running.values().next().value === turn;
      const waiting = this.#wait(signal, reject, resolve, turn);
      turn.grow = {
        ...waiting,
        tryNow: () => {
          if (!isOldest() && this.#counted - turn.bytes + bytes > this.#bytes) return false;
          this.#counted += bytes - turn.bytes;
          turn.bytes = bytes;
          turn.grow = undefined;
          waiting.settle();
          return true;
        },
      };
      this.#admit();
    });
  }

  /** Somebody who waits until `settle` or the signal. */
  #wait(signal: AbortSignal, reject: (reason: unknown) => void, resolve: () => void, turn: RunningTurn): Waiting {
    const onAbort = (): void => {
      this.#waiting.delete(waiting);
      turn.grow = undefined;
      reject(signal.reason);
      // Those behind it may have waited for it alone.
      this.#admit();
    };
    const waiting: Waiting = {
      turn,
      settle: () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      },
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return waiting;
  }

  #leave(turn: RunningTurn): void {
    if (!this.#running.delete(turn)) return;
    this.#counted -= turn.bytes;
    this.#admit();
  }

  #admit(): void {
    // Those that hold something come first: others wait for it. While one of them waits, nobody else begins.
    let isShort = false;
    for (const { grow } of this.#running) if (grow !== undefined && !grow.tryNow()) isShort = true;
    for (const waiting of this.#waiting) {
      const { turn } = waiting;
      const fits = this.#running.size === 0 || this.#counted + turn.bytes <= this.#bytes;
      if (isShort || this.#running.size >= this.#slots || !fits) return;
      this.#waiting.delete(waiting);
      this.#running.add(turn);
      this.#counted += turn.bytes;
      waiting.settle();
    }
  }
}

interface Waiting {
  readonly turn: RunningTurn;
  settle(): void;
}

interface RunningTurn extends Turn {
  bytes: number;
  /** Set while it waits for more bytes. */
  grow: (Waiting & { tryNow(): boolean }) | undefined;
}
