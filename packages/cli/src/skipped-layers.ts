import type { Digest } from "@socikit/oci";
import { SociIndexError } from "@socikit/soci-index";
import type { LayerSkip } from "@socikit/soci-index/build";
import type { Invocation } from "./invocation.ts";

/** A layer that gets no zTOC. */
export interface SkippedLayer {
  readonly layer: Digest;
  readonly reason: LayerSkip;
}

/** The member `skipped` of documented JSON shapes. */
export function skippedJson(skipped: readonly SkippedLayer[]): readonly unknown[] {
  return skipped.map(({ layer, reason: { code, message } }) => ({ layer, code, message }));
}

/** Whether there was nothing to index: an outcome rather than a failure. */
export function isNothingToIndex(error: unknown): error is SociIndexError {
  return error instanceof SociIndexError && error.code === "ERR_SOCI_NOTHING_TO_INDEX";
}

/** The error of an image of which no layer can be indexed, with what to do about the reason that it is so. */
export function withSkipHint(error: SociIndexError, skipped: readonly SkippedLayer[], invocation: Invocation): Error {
  const hint = hintOf(new Set(skipped.map(({ reason }) => reason.code)), invocation);
  return Object.assign(new SociIndexError(error.code, error.message, { cause: error.cause }), { hint });
}

function hintOf(codes: ReadonlySet<LayerSkip["code"]>, invocation: Invocation): string {
  if (codes.has("too-small")) {
    const small = "an image of small layers is as quick to pull; to index it all the same: ";
    const given = invocation.bytes("min-layer-size") !== undefined;
    return small + (given ? "--min-layer-size 0 in place of the one that is given" : "{line} --min-layer-size 0");
  }
  if (codes.has("compression"))
    return "layers in gzip and plain tars can be indexed: build the image anew with such, as docker buildx does with --output type=registry,compression=gzip,force-compression=true";
  if (codes.has("foreign")) return "the layers are kept elsewhere: push the image with them, then {line}";
  return "the image has no layers: check that it is the one that was meant";
}
