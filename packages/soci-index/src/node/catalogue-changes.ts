import { isDigest, type Descriptor } from "@socikit/oci";
import { SOCI_LAYER_DIGEST, SOCI_SPAN_SIZE } from "../annotations.ts";
import { SOCI_PREFETCH, SOCI_ZTOC } from "../media-types.ts";
import type { SociIndex } from "../soci-index.ts";
import type { Catalogue, CataloguedIndex, CataloguedPrefetch, CataloguedZtoc } from "./catalogue.ts";

/** The catalogue with a zTOC in it. One that is there keeps what was known of it. */
export function withZtoc(catalogue: Catalogue, ztoc: CataloguedZtoc): Catalogue {
  return { ...catalogue, ztocs: added(catalogue.ztocs, ztoc) };
}

/**
 * The catalogue with an index and what it names. One that is there keeps what was known of it, unless something else is given. A
 * name is one image's: indexes of what it named before lose it, all of the image that it names now have it.
 */
export function withIndex(catalogue: Catalogue, entry: CataloguedIndex, index: SociIndex): Catalogue {
  const before = catalogue.indexes.find(({ digest }) => digest === entry.digest);
  const merged: CataloguedIndex = { ...before, ...entry, names: [...(before?.names ?? []), ...entry.names] };
  const others = catalogue.indexes.filter(({ digest }) => digest !== entry.digest);
  const isOfImage = ({ image }: CataloguedIndex): boolean => image !== undefined && image === merged.image;
  const names = [...new Set([merged, ...others.filter(isOfImage)].flatMap((each) => each.names))].sort();
  const indexes = others.map((other) =>
    isOfImage(other)
      ? { ...other, names }
      : { ...other, names: other.names.filter((name) => !entry.names.includes(name)) },
  );
  const { ztocs, prefetch } = artifactsOf(index, entry.created);
  return {
    indexes: [...indexes, { ...merged, names }],
    ztocs: ztocs.reduce(added<CataloguedZtoc>, catalogue.ztocs),
    prefetch: prefetch.reduce(added<CataloguedPrefetch>, catalogue.prefetch),
  };
}

/** What an index says of the blobs that it names. Those of which it does not say the layer are left out. */
export function artifactsOf(index: SociIndex, created: string | undefined): Pick<Catalogue, "ztocs" | "prefetch"> {
  const ztocs: CataloguedZtoc[] = [];
  const prefetch: CataloguedPrefetch[] = [];
  for (const blob of index.blobs) {
    const layer = blob.annotations?.[SOCI_LAYER_DIGEST];
    if (layer === undefined || !isDigest(layer)) continue;
    const { digest, size } = blob;
    const common = { digest, size, ...(created === undefined ? {} : { created }), layer };
    if (blob.mediaType === SOCI_PREFETCH) prefetch.push(common);
    if (blob.mediaType !== SOCI_ZTOC) continue;
    const spanSize = spanSizeOf(blob);
    ztocs.push({ ...common, ...(spanSize === undefined ? {} : { spanSize }) });
  }
  return { ztocs, prefetch };
}

function spanSizeOf({ annotations }: Descriptor): number | undefined {
  const text = annotations?.[SOCI_SPAN_SIZE] ?? "";
  const spanSize = Number(text);
  return /^[0-9]+$/.test(text) && Number.isSafeInteger(spanSize) ? spanSize : undefined;
}

/** A list with an artifact of a layer in it: what was known of it first stays, and is completed. */
function added<T extends CataloguedZtoc | CataloguedPrefetch>(list: readonly T[], entry: T): readonly T[] {
  const isSame = (other: T): boolean => other.digest === entry.digest && other.layer === entry.layer;
  const before = list.find(isSame);
  if (before === undefined) return [...list, entry];
  return list.map((other) => (isSame(other) ? { ...entry, ...other } : other));
}
