import { isForeignLayer, type BlobReader, type ChosenImage, type Descriptor, type ReadOptions } from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import type { LayerSkippedEvent } from "./create-event.ts";
import { chooseLayer, type LayerChoice, type LayerSkip } from "./layer-choice.ts";

/** A blob to build a zTOC of. The same bytes under another name of their compression are the same. */
export interface LayerBuild {
  readonly layer: Descriptor;
  readonly compression: "gzip" | "uncompressed";
}

/** A layer of an image, with the build that its zTOC comes of or the reason that there is none. */
export interface PlannedLayer {
  readonly layer: Descriptor;
  readonly build?: LayerBuild;
  readonly skipped?: LayerSkip;
}

/** An image, with its layers. */
export interface PlannedImage {
  readonly image: ChosenImage;
  readonly layers: readonly PlannedLayer[];
}

/** What is done with each layer of some images, and the distinct builds that come of it. Tells of what is skipped. */
export async function planLayers(
  source: Pick<BlobReader, "stat">,
  images: readonly ChosenImage[],
  settings: { readonly minLayerSize: number; readonly tell: (event: LayerSkippedEvent) => void },
  options: ReadOptions,
): Promise<{ readonly images: readonly PlannedImage[]; readonly builds: readonly LayerBuild[] }> {
  const builds = new Map<string, LayerBuild>();
  const told = new Set<string>();
  const plan = async (layer: Descriptor): Promise<readonly PlannedLayer[]> => {
    const { digest, size, mediaType } = layer;
    const choice = await presentChoice(source, layer, settings.minLayerSize, options);
    if ("ignore" in choice) return [];
    if ("skip" in choice) {
      const key = `${digest} ${mediaType}`;
      if (!told.has(key)) settings.tell({ v: 1, type: "layer-skipped", layer: digest, reason: choice.skip });
      told.add(key);
      return [{ layer, skipped: choice.skip }];
    }
    const key = `${digest} ${size} ${choice.build}`;
    const build = builds.get(key) ?? { layer, compression: choice.build };
    builds.set(key, build);
    return [{ layer, build }];
  };
  const planned: PlannedImage[] = [];
  for (const image of images) {
    const layers: PlannedLayer[] = [];
    for (const layer of image.manifest.layers) layers.push(...(await plan(layer)));
    planned.push({ image, layers });
  }
  return { images: planned, builds: [...builds.values()] };
}

/** What is done with a layer, given that a foreign one may not be there. */
async function presentChoice(
  source: Pick<BlobReader, "stat">,
  layer: Descriptor,
  minLayerSize: number,
  options: ReadOptions,
): Promise<LayerChoice> {
  const choice = chooseLayer(layer, minLayerSize);
  if (!("build" in choice) || !isForeignLayer(layer.mediaType)) return choice;
  if ((await source.stat(layer.digest, options)) !== undefined) return choice;
  const message = `ztoc skipped - layer ${layer.digest} (${layer.mediaType}) is not in the registry`;
  return { skip: { code: "foreign", message } };
}

/** The error for images of which every layer was skipped: how many, and why. */
export function nothingToIndex(images: readonly PlannedImage[], minLayerSize: number): SociIndexError {
  const layers = images.flatMap((image) => image.layers);
  const count = (code: string): number => layers.filter(({ skipped }) => skipped?.code === code).length;
  const reasons = [
    [count("too-small"), `smaller than the minimum layer size of ${minLayerSize} bytes`],
    [count("compression"), "of a compression that cannot be indexed"],
    [count("foreign"), "not in the registry"],
  ] as const;
  const found = reasons.flatMap(([number, reason]) => (number === 0 ? [] : [`${number} ${reason}`]));
  const what = layers.length === 0 ? "there is none" : found.join(", ");
  return new SociIndexError("ERR_SOCI_NOTHING_TO_INDEX", `Cannot create SOCI index: no layer can be indexed: ${what}`);
}
