import { printable, type Descriptor } from "@socikit/oci";
import { describeOutcome, describePrefetch, type LayerOutcome, type PrefetchPlan } from "@socikit/soci-index/build";

/** What an index was made of: of one platform. */
export interface IndexedImage {
  readonly layers: readonly LayerOutcome[];
  readonly prefetch: PrefetchPlan;
}

/** The reference's lines about one platform: layers in the image's order, then prefetch artifacts. */
export function indexingLines({ layers, prefetch }: IndexedImage): readonly string[] {
  return [...layers.map(describeOutcome), ...prefetch.artifacts.map(describePrefetch)];
}

/** Lines for stdout, without what could harm a terminal. */
export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** A documented JSON document, for stdout. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** What the builder found odd about layers, a line each. */
export function warningLines(images: readonly IndexedImage[]): readonly string[] {
  return images.flatMap(({ layers }) =>
    layers.flatMap(({ layer, warnings }) => warnings.map(({ message }) => `layer ${layer.digest}: ${message}`)),
  );
}

/** The `Descriptor` of documented JSON shapes. */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** The members `layers`, `prefetch` and `missing` of documented JSON shapes. */
export function indexingJson({ layers, prefetch }: IndexedImage): Readonly<Record<string, unknown>> {
  return {
    layers: layers.map(({ layer, ztoc, reused, skipped, warnings }) => ({
      layer: plainDescriptor(layer),
      ...(ztoc === undefined ? {} : { ztoc: plainDescriptor(ztoc), reused }),
      ...(skipped === undefined ? {} : { skipped: skipped.message }),
      warnings: warnings.map(({ message }) => message),
    })),
    ...(prefetch.artifacts.length === 0 && prefetch.missing.length === 0
      ? {}
      : {
          prefetch: prefetch.artifacts.map(({ layer, descriptor }) => ({
            layer: layer.digest,
            artifact: plainDescriptor(descriptor),
          })),
          missing: prefetch.missing,
        }),
  };
}
