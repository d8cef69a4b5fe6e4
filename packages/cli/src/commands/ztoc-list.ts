import type { Digest } from "@socikit/oci";
import { SOCI_ZTOC, SociIndexError } from "@socikit/soci-index";
import type { CataloguedZtoc, LocalStore } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { askedName, openStore } from "../local-store.ts";
import { tableText } from "../table.ts";

/** `socikit ztoc list` */
export const ztocList: CommandRun = async (invocation, io) => {
  const wanted = invocation.text("ztoc-digest");
  const image = invocation.text("image-ref");
  const store = await openStore(invocation, io);
  const all = store === undefined ? [] : await ztocsIn(store, image);
  const ztocs = all.filter(({ digest }) => wanted === undefined || digest === wanted);
  if (image !== undefined && wanted !== undefined && ztocs.length === 0)
    throw new SociIndexError(
      "ERR_SOCI_STORE_UNKNOWN",
      `Cannot list zTOCs: the specified ztoc doesn't exist or is not associated with the specified image ${image}`,
    );
  if (invocation.flag("json")) await io.stdout.write(`${JSON.stringify(ztocs.map(ztocJson), undefined, 2)}\n`);
  else if (invocation.flag("quiet")) await io.stdout.write(ztocs.map(({ digest }) => `${digest}\n`).join(""));
  else
    await io.stdout.write(
      tableText([
        ["DIGEST", "SIZE", "LAYER DIGEST"],
        ...ztocs.map(({ digest, size, layer }) => [digest, String(size), layer]),
      ]),
    );
  return undefined;
};

/** All by digest, as the reference has them; or those of an image, in the order of its layers. */
async function ztocsIn(store: LocalStore, image: string | undefined): Promise<readonly CataloguedZtoc[]> {
  const { ztocs, indexes } = await store.catalogue();
  if (image === undefined) return ztocs.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const found = new Map<Digest, CataloguedZtoc>();
  for (const { digest } of indexes.filter(({ names }) => names.includes(askedName(image)))) {
    const { index } = await store.readIndex(digest);
    for (const blob of index.blobs) {
      const ztoc = blob.mediaType === SOCI_ZTOC ? ztocs.find((each) => each.digest === blob.digest) : undefined;
      if (ztoc !== undefined) found.set(ztoc.digest, ztoc);
    }
  }
  return [...found.values()];
}

function ztocJson({ digest, size, layer, spanSize, created }: CataloguedZtoc): unknown {
  return {
    digest,
    size,
    layer,
    ...(spanSize === undefined ? {} : { span_size: spanSize }),
    ...(created === undefined ? {} : { created }),
  };
}
