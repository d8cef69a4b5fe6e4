import { allocateReleasable, release } from "./releasable-memory.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
import {
  CHECKPOINT_SIZE,
  readCheckpoint,
  writeCheckpoint,
  writeZinfoHeader,
  zinfoSize,
  type Checkpoint,
} from "./zinfo.ts";

/** Checkpoints of a slab: about 1 MiB. */
const SLAB_LENGTH = 32;

/** Checkpoints as they come, serialized: most of what a builder holds. They can be written once. */
export class CheckpointLog {
  readonly #slabs: Uint8Array[] = [];
  #length = 0;
  #lastUncompressedOffset: number | undefined;

  /** Number of checkpoints. */
  get length(): number {
    return this.#length;
  }

  /** Where the last checkpoint lies in the output. */
  get lastUncompressedOffset(): number | undefined {
    return this.#lastUncompressedOffset;
  }

  /** Size of the zinfo that {@linkcode write} writes. */
  get zinfoSize(): number {
    return zinfoSize(2, this.#length);
  }

  push(checkpoint: Checkpoint): void {
    const index = this.#length % SLAB_LENGTH;
    if (index === 0) this.#slabs.push(allocateReleasable(SLAB_LENGTH * CHECKPOINT_SIZE));
    writeCheckpoint(this.#slabs.at(-1)!, index * CHECKPOINT_SIZE, checkpoint);
    this.#length++;
    this.#lastUncompressedOffset = checkpoint.uncompressedOffset;
  }

  /** Saves all but the first `since`: 32 KiB each. */
  saveAdded(state: StateWriter, since: number): void {
    state.number(this.#length - since);
    for (let index = since; index < this.#length;) {
      const slab = this.#slabs[Math.floor(index / SLAB_LENGTH)]!;
      const from = index % SLAB_LENGTH;
      const count = Math.min(SLAB_LENGTH - from, this.#length - index);
      state.rawBytes(slab.subarray(from * CHECKPOINT_SIZE, (from + count) * CHECKPOINT_SIZE));
      index += count;
    }
  }

  /** Adds what {@linkcode saveAdded} saved. @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED`. */
  restoreAdded(state: StateReader): void {
    for (let count = state.integer(); count > 0; count--) {
      const checkpoint = readCheckpoint(state.rawBytes(CHECKPOINT_SIZE), 0);
      const { compressedOffset, uncompressedOffset, bits } = checkpoint;
      const isAfter = uncompressedOffset >= (this.#lastUncompressedOffset ?? 0) && compressedOffset >= 0;
      const isSound = Number.isSafeInteger(compressedOffset) && Number.isSafeInteger(uncompressedOffset) && bits <= 7;
      state.check(isAfter && isSound, `checkpoint ${this.#length} is out of place`);
      this.push(checkpoint);
    }
  }

  /** Writes them as a zinfo, and lets go of each slab when it is written. */
  write(target: Uint8Array, spanSize: number): void {
    let at = writeZinfoHeader(target, this.#length, spanSize);
    for (const slab of this.#slabs) {
      const bytes = slab.subarray(0, Math.min(slab.length, target.length - at));
      target.set(bytes, at);
      at += bytes.length;
      release(slab);
    }
    this.#slabs.length = 0;
  }
}
