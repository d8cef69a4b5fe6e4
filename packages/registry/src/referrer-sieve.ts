import type { Descriptor, Digest } from "@socikit/oci";

/** Picks the referrers of one type out of several lists, each once. */
export class ReferrerSieve {
  /** Number of those given. */
  given = 0;
  /** Those that have come without a type, which only their manifests can tell. */
  readonly untyped: Descriptor[] = [];
  readonly #artifactType: string | undefined;
  readonly #seen: Set<Digest> = new Set();

  /** @param artifactType The type; all of them without one. */
  constructor(artifactType: string | undefined) {
    this.#artifactType = artifactType;
  }

  /**
   * Those of a list that are of the type and have not been given yet.
   *
   * @param vouched Whether whoever made the list says that all are of the type: one without a type is taken for one of it
   * then. One of another type is not, whatever was said.
   */
  *take(list: readonly Descriptor[], vouched: boolean): Generator<Descriptor> {
    for (const descriptor of list) {
      const { digest, artifactType } = descriptor;
      if (this.#seen.has(digest)) continue;
      const wanted = this.#artifactType;
      if (wanted !== undefined && artifactType !== wanted) {
        if (artifactType !== undefined) continue;
        if (!vouched) {
          this.untyped.push(descriptor);
          continue;
        }
      }
      this.#seen.add(digest);
      this.given++;
      yield wanted === undefined || artifactType === wanted ? descriptor : { ...descriptor, artifactType: wanted };
    }
  }
}
