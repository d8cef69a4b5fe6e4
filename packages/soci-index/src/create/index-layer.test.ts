import { bytesSource, digestOf } from "@socikit/oci";
import { createBuildPool } from "@socikit/ztoc/build";
import { expect, test } from "vitest";
import { memoryTarget } from "../testing/memory-target.ts";
import { indexLayer, type IndexingPool, type OpenForIndexing } from "./index-layer.ts";
import { indexSettings } from "./index-settings.ts";
import type { OpenedLayer } from "./open-layer.ts";

const TAR = new Uint8Array(1024);
const BUILD = {
  layer: { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf(TAR), size: TAR.length },
  compression: "uncompressed",
} as const;

/** Opens the layer, and tells how often it was opened and closed. */
function opening(wait: Promise<void> = Promise.resolve()) {
  const counts = { opened: 0, closed: 0 };
  const open: OpenForIndexing = async (): Promise<OpenedLayer> => {
    await wait;
    counts.opened++;
    return { bytes: bytesSource(TAR), close: () => void counts.closed++ };
  };
  return { counts, open };
}

const index = (open: OpenForIndexing, spanSize: number, pool?: IndexingPool): Promise<unknown> =>
  indexLayer({ target: memoryTarget(), pool }, BUILD, open, indexSettings({ spanSize }), () => {}, {});

test("indexLayer() closes the layer", async () => {
  const { counts, open } = opening();
  await index(open, 4096);
  expect(counts).toEqual({ opened: 1, closed: 1 });
});

test("indexLayer() closes a layer that the builder refuses before it reads, or does not open it", async () => {
  // Spans of no bytes are for gzip alone.
  const refused = { code: "ERR_SOCI_LAYER_FAILED", cause: { code: "ERR_ZTOC_SPAN_SIZE" } };
  const { counts, open } = opening();
  await expect(index(open, 0)).rejects.toMatchObject(refused);
  expect(counts).toEqual({ opened: 1, closed: 1 });
  const pool = createBuildPool({ threads: 0 });
  await expect(index(open, 0, pool)).rejects.toMatchObject(refused);
  expect(counts).toEqual({ opened: 1, closed: 1 });
  pool.close();
});

test("indexLayer() closes a layer that opens when nobody waits for it any more", async () => {
  let go = (): void => {};
  const { counts, open } = opening(new Promise((resolve) => void (go = resolve)));
  const pool = createBuildPool({ threads: 0 });
  const indexing = index(open, 4096, pool);
  await new Promise((resolve) => void setTimeout(resolve, 1));
  pool.close();
  await expect(indexing).rejects.toMatchObject({ code: "ERR_ZTOC_WORKER" });
  expect(counts).toEqual({ opened: 0, closed: 0 });
  go();
  await expect.poll(() => counts.closed).toBe(1);
});
