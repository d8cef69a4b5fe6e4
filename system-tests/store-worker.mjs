// Works on a local store without end, until it is killed: store-worker.mjs LAYOUT ROOT COUNT SEED KIND. Says "ready" when it begins.
import { copyImage } from "@socikit/oci";
import { openLayoutDirectory, stageLayoutArchive, stageLayoutDirectory } from "@socikit/registry/node";
import { createLocalIndex, openLocalStore } from "@socikit/soci-index/node";
import { Random } from "../differential/random.mjs";
import { SPAN_SIZE } from "./store-images.mjs";

const [images, root, count, seed, kind] = process.argv.slice(2);
const random = new Random(Number(seed));
const image = await openLayoutDirectory(images);
const below = (limit) => random.below(limit);

const work = { store, archive, directory }[kind];
process.stdout.write("ready\n");
for (;;) await work();

/** Creates, removes, collects, rebuilds. */
async function store() {
  const local = openLocalStore(await openLayoutDirectory(root, { create: true }));
  const name = String(below(Number(count)));
  await createLocalIndex(local, { image }, name, { name, spanSize: SPAN_SIZE, minLayerSize: 0 });
  const { indexes } = await local.catalogue();
  if (below(2) === 0) await local.removeIndex(indexes[below(indexes.length)].digest);
  // Where others write, collecting is refused.
  if (below(3) === 0) await local.collect().catch(ifBusy);
  if (below(5) === 0) await local.rebuild();
}

/** Writes one of two archives to one place. */
async function archive() {
  const staged = await stageLayoutArchive(root, { base: image });
  const tag = String(below(2));
  await copyImage(image, staged, tag, { tag });
  await staged.finish();
}

/** The same with directories. */
async function directory() {
  const staged = await stageLayoutDirectory(root, image);
  const { digest } = await image.resolve(String(below(2)));
  await staged.finish([(await image.entries()).find((entry) => entry.digest === digest)]);
}

function ifBusy(error) {
  if (error.code !== "ERR_SOCI_STORE_BUSY") throw error;
}
