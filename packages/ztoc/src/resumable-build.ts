import { loadInflate, type Inflate } from "@socikit/inflate";
import { OciError, type BlobSource, type Digest } from "@socikit/oci";
import { checkIdentity, identityOf, saveIdentity, type BuildIdentity } from "./build-identity.ts";
import { checkChunk } from "./check-chunk.ts";
import { checkLayerInput, openLayerInput, turningBuffers, type LayerInput } from "./layer-input.ts";
import { LayerScan, type LayerConsumer } from "./layer-scan.ts";
import type { SaveableDigester, SaveableDigesters } from "./saveable-digester.ts";
import { decodePieces, encodePiece } from "./saved-piece.ts";
import { StateReader } from "./state-reader.ts";
import { StateWriter } from "./state-writer.ts";
import type { ZtocBuild } from "./ztoc-build.ts";
import { builderState, ZtocBuilder, type BuilderMarks, type ZtocBuilderOptions } from "./ztoc-builder.ts";

/** Options for {@linkcode ResumableBuild}. */
export interface ResumableBuildOptions extends ZtocBuilderOptions {
  /** Which layer it is, where that is known: a saved build goes on with no other. Its size is checked at the end. */
  readonly layer?: { readonly digest: Digest; readonly size: number } | undefined;
  /**
   * Whether the digest of the layer is computed, and checked at the end: a second slow hash of all bytes.
   *
   * @default {true} where `layer` has a SHA-256 digest
   */
  readonly checksLayer?: boolean | undefined;
  /** The decoder of gzip layers. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
  /** Others who want the same pass. What they know is theirs to save, and to restore. */
  readonly consumers?: readonly LayerConsumer[] | undefined;
}

/** A piece of a saved build. */
export interface SavedPiece {
  readonly bytes: Uint8Array;
  /** Where it belongs in the saved build: behind the pieces before it. What lies behind it is no part of that any more. */
  readonly at: number;
  /** Bytes of the layer that need not be read again, once the piece is kept. */
  readonly position: number;
}

/** Options for {@linkcode ResumableBuild.run}. */
export interface RunOptions {
  /** Ends the run with `signal.reason`. The build can go on. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the layer between saves. @default {67_108_864} */
  readonly saveEveryBytes?: number | undefined;
  /**
   * Keeps a piece: awaited before the layer is read on. Also called where the input fails, so that nothing read is lost. Where it
   * rejects, the run rejects with that, and what it did not keep is part of the next piece, at the same place: the build can go on.
   */
  readonly onSave?: ((piece: SavedPiece) => void | Promise<void>) | undefined;
}

const DEFAULT_SAVE_EVERY: number = 64 * 2 ** 20;

/**
 * A build of a zTOC that can be put away at any byte of the layer, and gone on with in another process, to the same bytes: for
 * layers that are huge, and connections that break. What it takes more time for than `buildZtoc` is hashing, which is slower
 * where the state of a hash can be saved.
 *
 * A saved build has 33 KiB for each span, some 160 bytes for each entry, and less than 40 KiB besides. It is checked against
 * damage, not against malice: keep it where nobody else writes.
 */
export class ResumableBuild {
  readonly #identity: BuildIdentity;
  readonly #layer: { readonly digest: Digest; readonly size: number } | undefined;
  readonly #builder: ZtocBuilder;
  readonly #scan: LayerScan;
  /** Of the whole layer, where it is checked. */
  readonly #digester: SaveableDigester | undefined;
  #saved: Saved;
  #isOver = false;

  private constructor(options: ResumableBuildOptions, identity: BuildIdentity, parts: Parts) {
    this.#identity = identity;
    this.#layer = options.layer;
    this.#builder = parts.builder;
    this.#scan = parts.scan;
    this.#digester = parts.digester;
    this.#saved = parts.saved;
  }

  /**
   * Begins at the layer's first byte.
   *
   * @throws {TypeError} for `checksLayer` without a SHA-256 digest. What `ZtocBuilder` throws for its options.
   */
  static async start(options: ResumableBuildOptions): Promise<ResumableBuild> {
    const { inflate, digesters } = await load(options);
    const identity = identityOf(options);
    const builder = createBuilder(options, digesters);
    return new ResumableBuild(options, identity, {
      builder,
      scan: new LayerScan({ compression: options.compression, inflate }, [builder, ...(options.consumers ?? [])]),
      digester: identity.checksLayer ? digesters.create() : undefined,
      saved: { marks: builderState.marks(builder), position: 0, size: 0, last: undefined },
    });
  }

  /**
   * Goes on with a saved build: what {@linkcode save} gave, or the pieces of {@linkcode saveMore} one behind the other. A last
   * piece that is cut short is left out, unless it is the only one: {@linkcode position} tells. Copies what it keeps.
   *
   * @throws {ZtocError} `ERR_ZTOC_STATE_LAYER` for a build of another layer, `ERR_ZTOC_STATE_OPTIONS` for one with other
   * options, `ERR_ZTOC_STATE_VERSION` for one of another version, `ERR_ZTOC_STATE_DAMAGED` and `ERR_ZTOC_STATE_MALFORMED` for
   * bytes that are no saved build. What `start` throws.
   */
  static async resume(saved: Uint8Array, options: ResumableBuildOptions): Promise<ResumableBuild> {
    const { inflate, digesters } = await load(options);
    const identity = identityOf(options);
    const { bodies, size, last } = decodePieces(saved);
    const builder = createBuilder(options, digesters);
    let state: StateReader = new StateReader(new Uint8Array(0));
    for (const body of bodies) {
      state = new StateReader(body);
      checkIdentity(state, identity);
      builderState.restoreAdded(builder, state);
    }
    // Behind what was added the last piece has the rest; that of the others is outdated.
    builderState.restore(builder, state);
    let digester: SaveableDigester | undefined;
    if (identity.checksLayer) {
      digester = digesters.restore(state.bytes());
      state.check(digester !== undefined, "the hash of the layer is none");
    }
    const from = {
      position: state.integer(),
      gzip: options.compression === "gzip" ? state.bytes() : undefined,
    };
    state.end();
    const scan = new LayerScan({ compression: options.compression, inflate, from }, [
      builder,
      ...(options.consumers ?? []),
    ]);
    const { compressed, uncompressed } = builderState.sizes(builder);
    if (
      compressed !== scan.position ||
      uncompressed !== scan.uncompressed ||
      (digester?.length ?? compressed) !== compressed
    ) {
      scan.close();
      state.check(false, "its parts are of several places");
    }
    return new ResumableBuild(options, identity, {
      builder,
      scan,
      digester,
      saved: { marks: builderState.marks(builder), position: scan.position, size, last },
    });
  }

  /** Bytes of the layer that it has had: where the next ones begin. */
  get position(): number {
    return this.#scan.position;
  }

  /**
   * Takes the next bytes of the layer, which are not kept.
   *
   * @throws {ZtocError} As `LayerScan.push`; the build is then over.
   * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` for more bytes than the layer has; so too.
   * @throws {TypeError} for what is no Uint8Array.
   */
  push(bytes: Uint8Array): void {
    checkChunk(bytes);
    this.#do(() => {
      if (this.#layer !== undefined && this.position + bytes.length > this.#layer.size)
        throw sizeMismatch(this.#layer, "more bytes came");
      this.#scan.push(bytes);
      this.#digester?.update(bytes);
    });
  }

  /** The whole build, as one piece. */
  save(): Uint8Array {
    return this.#save(NOTHING_SAVED).bytes;
  }

  /**
   * What has come since the last save of either kind, or since the saved build that this one goes on with: a piece that belongs
   * behind it. So one saves a large layer often, and writes each checkpoint once. Where a piece could not be kept, nothing belongs
   * behind it: {@linkcode save} then gives what was in it, too.
   */
  saveMore(): SavedPiece {
    return this.#save(this.#saved);
  }

  /**
   * The layer has ended: checks it, and writes the zTOC.
   *
   * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` where bytes of it are missing: the build can go on. `ERR_OCI_DIGEST_MISMATCH`.
   * @throws {ZtocError} As `LayerScan.finish` and `ZtocBuilder.result`.
   */
  finish(): ZtocBuild {
    if (!this.#isOver) this.#checkSize();
    return this.#do(() => {
      const digest = this.#digester?.digest();
      if (digest !== undefined && digest !== this.#identity.layerDigest)
        throw new OciError(
          "ERR_OCI_DIGEST_MISMATCH",
          `Cannot build zTOC: the layer has the digest ${digest}, not ${this.#identity.layerDigest}`,
        );
      this.#scan.finish();
      this.close();
      return this.#builder.result();
    });
  }

  /**
   * Takes the rest of the layer, and finishes. Where the input fails, the error is the input's, and the build goes on from
   * {@linkcode position}: here with another input, or elsewhere.
   *
   * @param layer A stream that begins at {@linkcode position}; or a `BlobSource` of the whole layer, which is read from there.
   * @throws {ZtocError | OciError} As `push` and `finish`.
   * @throws {TypeError} for what is no layer. @throws {RangeError} for a `saveEveryBytes` that is not above 0.
   */
  async run(layer: LayerInput, options: RunOptions = {}): Promise<ZtocBuild> {
    checkLayerInput(layer);
    const { signal, saveEveryBytes = DEFAULT_SAVE_EVERY, onSave } = options;
    if (!(saveEveryBytes > 0))
      throw new RangeError(`Cannot save a build every ${saveEveryBytes} bytes: it must be more than 0`);
    let canSave = onSave !== undefined;
    const save = async (): Promise<void> => {
      const before = this.#saved;
      const piece = this.saveMore();
      try {
        await onSave?.(piece);
      } catch (error) {
        // Whatever was written of the piece, the next one takes its place.
        this.#saved = before;
        canSave = false;
        throw error;
      }
    };
    try {
      for await (const chunk of openLayerInput(fromPosition(layer, this.position), signal, turningBuffers()).chunks) {
        this.push(chunk);
        if (canSave && this.position - this.#saved.position >= saveEveryBytes) await save();
      }
      this.#checkSize();
    } catch (error) {
      if (canSave && !this.#isOver && this.#saved.position < this.position) await save();
      throw error;
    }
    return this.finish();
  }

  /** Gives the build up. Harmless after its end. */
  close(): void {
    this.#isOver = true;
    this.#scan.close();
  }

  #save(since: Saved): SavedPiece {
    if (this.#isOver) throw new TypeError("Cannot save a build: it has ended, or has failed");
    const state = new StateWriter();
    saveIdentity(state, this.#identity);
    builderState.saveAdded(this.#builder, state, since.marks);
    builderState.save(this.#builder, state);
    if (this.#digester !== undefined) state.bytes(this.#digester.save());
    const { position, gzip } = this.#scan.save();
    state.number(position);
    if (gzip !== undefined) state.bytes(gzip);
    const { bytes, digest } = encodePiece(state.parts(), since.last);
    const marks = builderState.marks(this.#builder);
    this.#saved = { marks, position, size: since.size + bytes.length, last: digest };
    return { bytes, at: since.size, position };
  }

  #checkSize(): void {
    if (this.#layer !== undefined && this.position < this.#layer.size)
      throw sizeMismatch(this.#layer, `${this.position} came`);
  }

  /** An error in it is the end of the build. */
  #do<T>(work: () => T): T {
    if (this.#isOver) throw new TypeError("Cannot build zTOC: the build has ended, or has failed");
    try {
      return work();
    } catch (error) {
      this.close();
      throw error;
    }
  }
}

interface Parts {
  readonly builder: ZtocBuilder;
  readonly scan: LayerScan;
  readonly digester: SaveableDigester | undefined;
  readonly saved: Saved;
}

/** What the pieces so far hold. */
interface Saved {
  readonly marks: BuilderMarks;
  /** Bytes of the layer. */
  readonly position: number;
  /** Bytes of all pieces. */
  readonly size: number;
  /** Digest of the last one. */
  readonly last: Digest | undefined;
}

const NOTHING_SAVED: Saved = {
  marks: { entries: 0, checkpoints: 0, spans: 0, warnings: 0 },
  position: 0,
  size: 0,
  last: undefined,
};

/** What is loaded only where a build is to be resumable, too. */
async function load(
  options: ResumableBuildOptions,
): Promise<{ readonly inflate: Inflate | undefined; readonly digesters: SaveableDigesters }> {
  const { SaveableSha256 } = await import("./saveable-sha256.ts");
  const inflate = options.compression === "gzip" ? (options.inflate ?? (await loadInflate())) : undefined;
  return { inflate, digesters: SaveableSha256 };
}

function createBuilder(options: ZtocBuilderOptions, digesters: SaveableDigesters): ZtocBuilder {
  const builder = new ZtocBuilder(options);
  builderState.useDigesters(builder, digesters);
  return builder;
}

function fromPosition(layer: LayerInput, position: number): LayerInput {
  if ("getReader" in layer || Symbol.asyncIterator in layer || position === 0) return layer;
  const rest: BlobSource = {
    size: Math.max(0, layer.size - position),
    read: (offset, length, options) => layer.read(position + offset, length, options),
  };
  if (layer.readInto === undefined) return rest;
  const readInto = layer.readInto.bind(layer);
  return { ...rest, readInto: (target, at, options) => readInto(target, position + at, options) };
}

function sizeMismatch(layer: { readonly digest: Digest; readonly size: number }, found: string): OciError {
  return new OciError(
    "ERR_OCI_SIZE_MISMATCH",
    `Cannot build zTOC: the layer ${layer.digest} has ${layer.size} bytes, but ${found}`,
  );
}
