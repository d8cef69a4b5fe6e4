import { formatPlatform, matchesPlatform, OCI_MANIFEST, parsePlatform } from "@socikit/oci";
import type { CataloguedIndex } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { askedName, openStore } from "../local-store.ts";
import { tableText } from "../table.ts";
import { timeAgo } from "../time-ago.ts";

const HEADER = ["DIGEST", "SIZE", "IMAGE REF", "PLATFORM", "MEDIA TYPE", "MANIFEST VERSION", "CREATED"];

/** `socikit index list` */
export const indexList: CommandRun = async (invocation, io) => {
  const given = invocation.text("ref");
  const ref = given === undefined ? undefined : askedName(given);
  const platforms = invocation.texts("platform").map((text) => parsePlatform(text));
  const store = await openStore(invocation, io);
  const all = (await store?.catalogue({ signal: io.signal }))?.indexes ?? [];
  const indexes = newestFirst(all).filter(
    ({ names, platform }) =>
      (ref === undefined || names.includes(ref)) &&
      (platforms.length === 0 ||
        platforms.some((wanted) => platform !== undefined && matchesPlatform(wanted, platform))),
  );
  if (invocation.flag("json")) await io.stdout.write(`${JSON.stringify(indexes.map(indexJson), undefined, 2)}\n`);
  else if (invocation.flag("quiet")) await io.stdout.write(indexes.map(({ digest }) => `${digest}\n`).join(""));
  else {
    const now = Date.now();
    await io.stdout.write(tableText([HEADER, ...indexes.flatMap((index) => rowsOf(index, now))]));
  }
  return undefined;
};

/** The newest first; those whose time is not known last. */
export function newestFirst<T extends { readonly created?: string }>(list: readonly T[]): readonly T[] {
  return [...list].sort((a, b) => ((a.created ?? "") < (b.created ?? "") ? 1 : a.created === b.created ? 0 : -1));
}

/** A row for each name of the image, or one without. */
function rowsOf(index: CataloguedIndex, now: number): readonly (readonly string[])[] {
  const { digest, size, platform, version, created } = index;
  return (index.names.length === 0 ? [""] : index.names).map((name) => [
    digest,
    String(size),
    name,
    platform === undefined ? "" : formatPlatform(platform),
    OCI_MANIFEST,
    version,
    timeAgo(created, now),
  ]);
}

function indexJson({ digest, size, names, platform, manifest, version, created }: CataloguedIndex): unknown {
  return {
    digest,
    size,
    images: names,
    ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
    media_type: OCI_MANIFEST,
    version,
    ...(manifest === undefined ? {} : { manifest }),
    ...(created === undefined ? {} : { created }),
  };
}
