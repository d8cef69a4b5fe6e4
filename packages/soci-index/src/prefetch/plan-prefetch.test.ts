import { decodeManifest, isImageIndex, type Descriptor } from "@socikit/oci";
import { buildZtoc } from "@socikit/ztoc/build";
import { expect, test } from "vitest";
import { goldenBlob, goldenContent, goldenEntries, goldenImage } from "../../../../testdata/golden-images.ts";
import { createRuns } from "../testing/golden-runs.ts";
import { describePrefetch, planPrefetch, type PrefetchLayer } from "./plan-prefetch.ts";

const layerOf = async (layer: Descriptor, spanSize: number): Promise<PrefetchLayer> => {
  const stream = new Blob([goldenBlob(layer.digest).slice()]).stream();
  const { ztoc } = await buildZtoc(stream, { compression: "gzip", spanSize });
  return { layer, ztoc };
};

test("planPrefetch() gives what the reference's create gives", async () => {
  const run = createRuns.find(({ args }) => args.includes("--prefetch-file"))!;
  const image = goldenImage(run.image);
  const manifest = decodeManifest((await goldenContent(image).fetchManifest(goldenEntries(image)[0]!)).bytes);
  if (isImageIndex(manifest)) throw new Error("it is an index");
  const layers = await Promise.all(manifest.layers.map((layer) => layerOf(layer, 65_536)));
  const paths = run.args.filter((_, i) => run.args[i - 1] === "--prefetch-file");
  const { artifacts } = await planPrefetch(layers, { paths, rule: "reference" });
  const [index] = Object.values(run.indexes!).map(({ json }) => JSON.parse(json) as { layers: object[] });
  expect(artifacts.map(({ descriptor }) => descriptor)).toEqual(index!.layers.slice(3));
  expect(artifacts.map(describePrefetch)).toEqual(run.messages.filter((line) => line.startsWith("Created")));
});
