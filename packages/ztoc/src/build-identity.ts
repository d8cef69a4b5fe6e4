import { algorithmOf, type Digest } from "@socikit/oci";
import { MAX_ZTOC_SIZE } from "./decode.ts";
import { ZtocError } from "./errors.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
import { DEFAULT_BUILD_TOOL_IDENTIFIER, DEFAULT_SPAN_SIZE, type ZtocBuilderOptions } from "./ztoc-builder.ts";

/** What a saved build is of, and what decides its bytes: it goes on with the same alone. */
export interface BuildIdentity {
  readonly compression: string;
  readonly spanSize: number;
  readonly buildToolIdentifier: string;
  readonly maxZtocBytes: number;
  /** The layer's, or nothing where it is not known. */
  readonly layerDigest: string;
  readonly layerSize: number;
  readonly checksLayer: boolean;
}

/** The identity that options say. @throws {TypeError} where a digest is to be checked that is not there, or not SHA-256. */
export function identityOf(
  options: ZtocBuilderOptions & {
    readonly layer?: { readonly digest: Digest; readonly size: number } | undefined;
    readonly checksLayer?: boolean | undefined;
  },
): BuildIdentity {
  const { layer, checksLayer } = options;
  const isCheckable = layer !== undefined && algorithmOf(layer.digest) === "sha256";
  if (checksLayer === true && !isCheckable)
    throw new TypeError("Cannot check the layer: its SHA-256 digest is not given");
  return {
    compression: options.compression,
    spanSize: options.spanSize ?? DEFAULT_SPAN_SIZE,
    // As a zTOC stores it: lone surrogates do not survive.
    buildToolIdentifier: new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      new TextEncoder().encode(options.buildToolIdentifier ?? DEFAULT_BUILD_TOOL_IDENTIFIER),
    ),
    maxZtocBytes: options.maxZtocBytes ?? MAX_ZTOC_SIZE,
    layerDigest: layer?.digest ?? "",
    layerSize: layer?.size ?? 0,
    checksLayer: checksLayer ?? isCheckable,
  };
}

/** Saves it. */
export function saveIdentity(state: StateWriter, identity: BuildIdentity): void {
  state.text(identity.compression);
  state.number(identity.spanSize);
  state.text(identity.buildToolIdentifier);
  state.number(identity.maxZtocBytes);
  state.text(identity.layerDigest);
  state.number(identity.layerSize);
  state.flag(identity.checksLayer);
}

/**
 * Reads a saved one.
 *
 * @throws {ZtocError} `ERR_ZTOC_STATE_LAYER` or `ERR_ZTOC_STATE_OPTIONS` where it is another; `ERR_ZTOC_STATE_MALFORMED`.
 */
export function checkIdentity(state: StateReader, wanted: BuildIdentity): void {
  const saved: BuildIdentity = {
    compression: state.text(),
    spanSize: state.number(),
    buildToolIdentifier: state.text(),
    maxZtocBytes: state.number(),
    layerDigest: state.text(),
    layerSize: state.number(),
    checksLayer: state.flag(),
  };
  if (saved.layerDigest !== wanted.layerDigest || saved.layerSize !== wanted.layerSize)
    throw new ZtocError(
      "ERR_ZTOC_STATE_LAYER",
      `Cannot go on with a saved build: it is of ${layerName(saved)}, not of ${layerName(wanted)}`,
    );
  for (const option of ["compression", "spanSize", "buildToolIdentifier", "maxZtocBytes", "checksLayer"] as const)
    if (saved[option] !== wanted[option])
      throw new ZtocError(
        "ERR_ZTOC_STATE_OPTIONS",
        `Cannot go on with a saved build: its ${option} is ${shown(saved[option])}, not ${shown(wanted[option])}`,
      );
}

function layerName({ layerDigest, layerSize }: BuildIdentity): string {
  return layerDigest === "" ? "a layer without a name" : `the layer ${shown(layerDigest)} of ${layerSize} bytes`;
}

/** What is saved may be anything. */
function shown(value: string | number | boolean): string {
  return JSON.stringify(typeof value === "string" ? value.slice(0, 200) : value);
}
