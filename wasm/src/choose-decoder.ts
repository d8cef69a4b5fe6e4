import { InflateError } from "./errors.ts";
import { loadInflate, type LoadOptions } from "./load-inflate.ts";
import { platformDecoder } from "./platform-decoder.ts";
import type { SpanDecoder } from "./span-decoder.ts";

/**
 * What can decode spans: this package's WebAssembly core; the host's own inflate, at half its speed; fflate, at a tenth.
 * In that order they are tried.
 */
export const DECODER_KINDS = ["wasm", "platform", "fflate"] as const;

/** One of {@linkcode DECODER_KINDS}. */
export type DecoderKind = (typeof DECODER_KINDS)[number];

/** Options for {@linkcode chooseDecoder}. */
export interface ChooseDecoderOptions extends LoadOptions {
  /** What may be chosen, the most wanted first. Default: {@linkcode DECODER_KINDS}. */
  readonly kinds?: readonly DecoderKind[] | undefined;
}

/** A decoder, and what it is. */
export interface ChosenDecoder {
  /** Which of the kinds it is. */
  readonly kind: DecoderKind;
  /** Decodes spans, as the others do. */
  readonly decoder: SpanDecoder;
}

/**
 * Chooses the first decoder that works on this host. fflate, which always does, is only loaded when nothing else is there.
 *
 * @throws {RangeError} when none of `kinds` works here; the cause says why not.
 * @throws {InflateError} `ERR_INFLATE_FOREIGN_MODULE` for a module that is not this package's.
 */
export async function chooseDecoder(options: ChooseDecoderOptions = {}): Promise<ChosenDecoder> {
  const kinds = options.kinds ?? DECODER_KINDS;
  let cause: unknown;
  for (const kind of kinds) {
    try {
      // One after the other: the next one is only wanted when this one is not there.
      const decoder = await openDecoder(kind, options);
      if (decoder !== undefined) return { kind, decoder };
    } catch (error) {
      if (error instanceof InflateError) throw error;
      // A host without WebAssembly, or one that forbids it.
      cause = error;
    }
  }
  throw new RangeError(`Cannot choose a decoder: none of ${JSON.stringify(kinds)} works on this host`, { cause });
}

async function openDecoder(kind: DecoderKind, options: LoadOptions): Promise<SpanDecoder | undefined> {
  switch (kind) {
    case "wasm":
      return (await loadInflate(options)).decoder;
    case "platform":
      return platformDecoder();
    case "fflate":
      return (await import("./fflate.ts")).fflateDecoder();
  }
}
