import type { Descriptor, Digest, ReadOptions } from "@socikit/oci";
import { onAbort } from "./abort-listeners.ts";
import type { LayerOpener } from "./layer-opener.ts";
import type { LazyLayer } from "./lazy-layer.ts";

/**
 * Opens layers, each digest once. The first that cannot be opened ends the opening of the others, and those that are open are closed
 * before its error comes out.
 */
export async function openLayers(
  opener: LayerOpener,
  layers: readonly Descriptor[],
  reading: ReadOptions,
): Promise<ReadonlyMap<Digest, LazyLayer>> {
  const opening = new AbortController();
  reading.signal?.throwIfAborted();
  const stop = onAbort(reading.signal, () => opening.abort(reading.signal?.reason));
  let opened: readonly Promise<LazyLayer>[] = [];
  try {
    const distinct = new Map(layers.map((layer) => [layer.digest, layer]));
    opened = await opener.open([...distinct.values()], { ...reading, signal: opening.signal });
    for (const layer of opened) layer.catch(() => {});
    return new Map((await Promise.all(opened)).map((layer) => [layer.layer.digest, layer]));
  } catch (error) {
    opening.abort(error);
    for (const layer of await Promise.allSettled(opened)) if (layer.status === "fulfilled") await layer.value.close();
    reading.signal?.throwIfAborted();
    throw error;
  } finally {
    stop();
  }
}
