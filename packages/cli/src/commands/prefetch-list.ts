import { readAll, type ReadOptions } from "@socikit/oci";
import { decodePrefetch, MAX_PREFETCH_SIZE } from "@socikit/soci-index";
import type { CataloguedPrefetch, LocalStore } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { openStore } from "../local-store.ts";
import { tableText } from "../table.ts";
import { timeAgo } from "../time-ago.ts";

/** What stands for the number of spans where it cannot be read, and how the table says so. */
const UNREADABLE = -1;
/** Go's time of nothing. */
const NO_TIME = "0001-01-01T00:00:00Z";

/** `socikit prefetch list` */
export const prefetchList: CommandRun = async (invocation, io) => {
  const store = await openStore(invocation, io);
  const options: ReadOptions = { signal: io.signal };
  const listed: (CataloguedPrefetch & { readonly spans: number })[] = [];
  const artifacts = (await store?.catalogue(options))?.prefetch ?? [];
  for (const artifact of artifacts.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)))
    // `store` is there where it has artifacts.
    listed.push({ ...artifact, spans: await spansIn(store!, artifact, options) });
  if (invocation.flag("json")) {
    const json = listed.map(({ digest, layer, spans, created }) => ({
      Digest: digest,
      LayerDigest: layer,
      TotalSpans: spans,
      CreatedAt: created ?? NO_TIME,
    }));
    await io.stdout.write(`${json.length === 0 ? "null" : JSON.stringify(json, undefined, 2)}\n`);
    return undefined;
  }
  const now = Date.now();
  await io.stdout.write(
    tableText([
      ["DIGEST", "LAYER DIGEST", "SPANS", "CREATED"],
      ...listed.map(({ digest, layer, spans, created }) => [
        digest,
        layer,
        spans === UNREADABLE ? "N/A" : String(spans),
        timeAgo(created, now),
      ]),
    ]),
  );
  return undefined;
};

/** How many spans an artifact names; one that cannot be read is listed all the same. */
async function spansIn(store: LocalStore, artifact: CataloguedPrefetch, options: ReadOptions): Promise<number> {
  try {
    const bytes = await readAll(await store.layout.stream(artifact, options), MAX_PREFETCH_SIZE, options.signal);
    return decodePrefetch(bytes).ranges.reduce((sum, { firstSpan, lastSpan }) => sum + lastSpan - firstSpan + 1, 0);
  } catch {
    options.signal?.throwIfAborted();
    return UNREADABLE;
  }
}
