/** Lets tasks go on in the order in which they came, however long it takes each to look at what it goes by. */
export class StartOrder {
  #last: Promise<unknown> = Promise.resolve();

  /** Looks at once. Resolves to what came of it, or rejects, when all that came before have looked, too. */
  async after<T>(look: () => Promise<T>): Promise<T> {
    const looking = look();
    const both = Promise.allSettled([this.#last, looking]);
    this.#last = both;
    await both;
    return looking;
  }
}
