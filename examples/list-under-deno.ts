// Lists an image under Deno, which may talk to one host and touch nothing else:
//
//   deno run --allow-net=127.0.0.1 examples/list-under-deno.ts 127.0.0.1:5000/repository:tag [/path]
//
// Without an argument it needs no permission at all: the registry is a function in this process.
import { openImage } from "@socikit/lazy-reader";
import { parseReference, toDisplay } from "@socikit/oci";
import { createMemoryStore, fetchTransport, handlerTransport, openRepository } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import { createIndex } from "@socikit/soci-index/build";
import { pushSampleImage, REMOVED_PATH, SAMPLE_PATH } from "./sample-image.mjs";

declare const Deno: { readonly args: readonly string[] };

const [given, path = "/"] = Deno.args;
const store = createMemoryStore();
if (given === undefined) await pushSampleImage(store.repository("sample/numbers"), "1");
const reference = parseReference(given ?? "registry.invalid/sample/numbers:1");
const transport = given === undefined ? handlerTransport(createRegistryHandler(store)) : fetchTransport();
const repository = openRepository(reference, { transport });
const tagOrDigest = reference.digest ?? reference.tag ?? "latest";
if (given === undefined)
  await createIndex({ image: repository, target: repository }, tagOrDigest, { minLayerSize: 0, spanSize: 1024 * 1024 });

const image = await openImage({ image: repository }, tagOrDigest);
const paths: string[] = [];
for await (const file of image.list(path, { recursive: true })) {
  paths.push(toDisplay(file.path));
  console.log(`${String(file.size).padStart(10)}  ${toDisplay(file.path)}`);
}
console.log(`${paths.length} entries in ${image.layers.length} layers`);
await image.close();

if (given === undefined && (!paths.includes(SAMPLE_PATH) || paths.includes(REMOVED_PATH)))
  throw new Error("the listing is not the sample's");
