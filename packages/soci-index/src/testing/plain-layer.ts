import { digestOf, type Descriptor } from "@socikit/oci";
import { encodeTarZinfo, type TocEntry, type Ztoc } from "@socikit/ztoc";
import { tableOf, tocEntry } from "./toc-entry.ts";

/** A file, directory (a slash at the end) or link of a layer made by hand. */
export type PlainEntry = readonly [
  name: string,
  size?: number,
  fields?: Partial<TocEntry> & { readonly link?: string },
];

/** A plain tar layer of some entries, each behind a header of one block, and its zTOC. No bytes: nothing of it can be read. */
export function plainLayer(
  name: string,
  entries: readonly PlainEntry[],
  spanSize: number = 1024,
): { readonly layer: Descriptor; readonly ztoc: Ztoc } {
  let at = 0;
  const toc = entries.map(([path, size = 0, fields = {}]) => {
    const entry = tocEntry(path, {
      headerOffset: at,
      uncompressedOffset: at + 512,
      uncompressedSize: size,
      ...fields,
    });
    const content = entry.type === "reg" ? size : 0;
    at = entry.uncompressedOffset + Math.ceil(content / 512) * 512;
    return entry;
  });
  const size = at + 1024;
  const spans = Math.ceil(size / spanSize);
  const digest = digestOf(new TextEncoder().encode(name));
  return {
    layer: { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size },
    ztoc: {
      version: "0.9",
      buildToolIdentifier: "test",
      compressedArchiveSize: size,
      uncompressedArchiveSize: size,
      toc: tableOf(toc),
      compression: {
        algorithm: "uncompressed",
        maxSpanId: spans - 1,
        spanDigests: Array.from({ length: spans }, () => digest),
        zinfo: encodeTarZinfo({ version: 2, spanSize, size }),
      },
    },
  };
}
