// Runs in the page: lists an image of a registry on another origin and reads its files by ranges. The registry is named in the page's query.
import { openImage } from "@socikit/lazy-reader";
import { toDisplay } from "@socikit/oci";
import { fetchTransport, openRepository } from "@socikit/registry";
import { check, same, sameBytes, summary } from "../check.mjs";
import { FILES, REMOVED } from "../sample-image.mjs";

/** What was fetched: [path, range asked for, status, bytes]. */
const wire = [];
async function watchingFetch(input, init) {
  const response = await fetch(input, init);
  const range = new Headers(init?.headers ?? input.headers).get("range");
  wire.push({
    path: new URL(response.url).pathname,
    range,
    status: response.status,
    bytes: Number(response.headers.get("content-length") ?? 0),
  });
  return response;
}

const reference = new URLSearchParams(location.search).get("image");
const repository = openRepository(reference, { transport: fetchTransport(watchingFetch) });
let image;

await check("a page opens an image of another origin", async () => {
  image = await openImage({ image: repository }, "v1");
  same(
    image.layers.map(({ mode }) => mode),
    ["ztoc", "ztoc"],
  );
});

await check("it lists the image", async () => {
  const files = [];
  for await (const info of image.list("", { recursive: true })) {
    if (info.type === "file") files.push(toDisplay(info.path).replace(/^\//, ""));
  }
  same(files.toSorted(), Object.keys(FILES).toSorted());
  same(files.includes(REMOVED), false);
});

await check("it reads a part of a file by range requests, and less than the layer", async () => {
  wire.length = 0;
  const words = FILES["usr/share/words"];
  sameBytes(
    await image.read("usr/share/words", { range: { start: 2_000_000, end: 2_001_000 } }),
    words.subarray(2_000_000, 2_001_000),
  );
  const { digest, size } = image.layers[0].layer;
  const layer = wire.filter(({ path }) => path.endsWith(digest));
  same(layer.length > 0 && layer.every(({ range, status }) => range !== null && status === 206), true);
  const moved = layer.reduce((sum, { bytes }) => sum + bytes, 0);
  if (moved === 0 || moved > size / 2) throw new Error(`${moved} bytes of ${size} came`);
});

for (const [path, content] of Object.entries(FILES)) {
  await check(`${path} reads as it was written`, async () => sameBytes(await image.read(path), content));
}

summary();
document.title = "done";
