import { SociIndexError } from "../errors.ts";

/**
 * Most work that a list of paths may make, in looks at a name. 10 million took two seconds of processor time, so that all of it takes
 * some forty; a thousand patterns of which each goes through ten thousand files are 20 million.
 */
export const MAX_SEARCH_WORK: number = 200_000_000;

/** Looks between two turns of the event loop: some 10 ms. */
const LOOKS_OF_A_TURN = 50_000;

/** Counts what a search does, so that it has an end and lets others have their turn. */
export class SearchWork {
  readonly #limit: number;
  #done = 0;
  #turnAt = LOOKS_OF_A_TURN;

  /** @param limit Most looks. */
  constructor(limit: number = MAX_SEARCH_WORK) {
    this.#limit = limit;
  }

  /**
   * Counts looks.
   *
   * @throws {SociIndexError} `ERR_SOCI_PREFETCH_TOO_BROAD` above the limit.
   */
  spend(looks: number): void {
    this.#done += looks;
    if (this.#done > this.#limit)
      throw new SociIndexError(
        "ERR_SOCI_PREFETCH_TOO_BROAD",
        `Cannot find the files to prefetch: more than ${this.#limit} names would have to be looked at`,
      );
  }

  /** Whether it is the others' turn. */
  get isTurn(): boolean {
    return this.#done >= this.#turnAt;
  }

  /** Lets the event loop go round once. Throws the signal's reason where it has been aborted. */
  async turn(signal: AbortSignal | undefined): Promise<void> {
    this.#turnAt = this.#done + LOOKS_OF_A_TURN;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
  }
}
