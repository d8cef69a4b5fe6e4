import type { Digester } from "@socikit/oci";

/** A hash that can be put away and gone on with elsewhere. */
export interface SaveableDigester extends Digester {
  /** What {@linkcode SaveableDigesters.restore} goes on with. Copies. */
  save(): Uint8Array;
  /** Bytes so far. */
  readonly length: number;
}

/** Makes such hashes. Given as a value: builds that are not resumable do not load what makes them. */
export interface SaveableDigesters {
  create(): SaveableDigester;
  /** `undefined` for what none has saved. */
  restore(state: Uint8Array): SaveableDigester | undefined;
}
