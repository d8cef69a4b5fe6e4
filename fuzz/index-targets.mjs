/**
 * What images and indexes are described by: SOCI indexes, manifests and image indexes, image configs, media types, prefetch
 * artifacts. Seeds are what the reference has read and written (testdata/images.json).
 */
import { readFileSync } from "node:fs";

const golden = JSON.parse(readFileSync(new URL("../testdata/images.json", import.meta.url), "utf8"));

/** Texts of the JSON blobs of the golden runs, each once, by a word that is in them. */
function texts(word, most) {
  const found = new Set();
  for (const { indexes, newBlobs } of [...golden.create, ...golden.convert])
    for (const { json } of Object.values({ ...indexes, ...newBlobs })) if (json?.includes(word)) found.add(json);
  return [...found].slice(0, most).map((text) => new TextEncoder().encode(text));
}

const DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const WORDS = [
  '"digest":"',
  DIGEST,
  `sha512:${"0".repeat(128)}`,
  '"size":',
  '"mediaType":"application/vnd.oci.image.manifest.v1+json"',
  '"mediaType":"application/vnd.oci.image.index.v1+json"',
  '"manifests":[',
  '"layers":null',
  '"annotations":{"',
  '"subject":{',
  '"platform":{"os":"linux","architecture":"arm64","variant":"v8"}',
  '"artifactType":"',
  '"data":"e30="',
  '"urls":[""]',
  "\\u2028",
  "\\ud800",
  "\\u003c",
  "null",
  "9007199254740993",
  "-0",
  "1e3",
  "{}",
  "[[[[[[[[",
  '"Digest":',
];
const MEDIA_TYPES = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
  "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  "application/vnd.amazon.soci.prefetch.v1+json",
  "text/plain",
];

/** Targets as in targets.mjs. `api` has the exports of oci and soci-index, and the internal chooseLayer. */
export function indexTargets(api, { check, equal }) {
  const bytesOf = (text) => new TextEncoder().encode(text);
  return {
    "soci-index": {
      seeds: texts("application/vnd.amazon.soci.index.v", 30),
      words: [...WORDS, "application/vnd.amazon.soci.index.v1+json", "com.amazon.soci.image-layer-digest"],
      run: (bytes) => sociIndex(api, bytes),
    },
    manifest: {
      seeds: [...texts('"manifests":[', 15), ...texts('"layers":[', 15), ...texts('"rootfs":', 5)],
      words: WORDS,
      run: (bytes) => manifest(api, bytes),
    },
    "media-types": {
      seeds: MEDIA_TYPES.map(bytesOf),
      words: ["+gzip", "+zstd", "+", ".tar", ".gzip", "application/vnd.oci.image.layer.", "v1"],
      run: (bytes) => mediaTypes(api, bytes),
    },
    prefetch: {
      seeds: [
        '{"version":"1.0","prefetch_spans":[{"start_span":10,"end_span":15},{"start_span":50,"end_span":55,"priority":1}]}',
        ...texts("prefetch_spans", 5).map((text) => new TextDecoder().decode(text)),
        '["/opt/tool", "./opt/tool", {"path":"app/*.js","priority":-1}, null]',
      ].map(bytesOf),
      words: ['"start_span":', '"end_span":', '"priority":', "2147483647", "2147483648", "-1", '"path":"', "[", "null"],
      run: (bytes) => prefetch(api, bytes),
    },
  };

  function sociIndex({ decodeSociIndex, encodeSociIndex, prefetchesOf, ztocFor }, bytes) {
    const index = decodeSociIndex(bytes);
    const encoded = encodeSociIndex(index);
    check(equal(encodeSociIndex(decodeSociIndex(encoded)), encoded), "encoding is no fixpoint");
    for (const { annotations } of index.blobs) {
      const layer = annotations?.["com.amazon.soci.image-layer-digest"];
      if (layer === undefined) continue;
      const ztoc = ztocFor(index, layer);
      check(ztoc === undefined || index.blobs.includes(ztoc), "a zTOC that the index does not name");
    }
    for (const blob of prefetchesOf(index))
      check(index.blobs.includes(blob), "an artifact that the index does not name");
  }

  function manifest({ decodeManifest, decodeImageConfig, encodeIndex, encodeManifest, isImageIndex, isDigest }, bytes) {
    answer(() => decodeImageConfig(bytes));
    const read = decodeManifest(bytes);
    const encode = (value) => (isImageIndex(value) ? encodeIndex(value) : encodeManifest(value));
    const encoded = encode(read);
    const again = answer(() => decodeManifest(encoded, read.mediaType));
    check(again.error === undefined, `what was read cannot be read again: ${again.error?.message}`);
    check(isImageIndex(again.value) === isImageIndex(read), "another kind when read again");
    check(equal(encode(again.value), encoded), "encoding is no fixpoint");
    // Another parser sees the same descriptors.
    const plain = JSON.parse(new TextDecoder().decode(encoded));
    const listed = isImageIndex(read) ? read.manifests : read.layers;
    check((plain.manifests ?? plain.layers).length === listed.length, "another number of descriptors");
    for (const [i, { digest, size }] of listed.entries()) {
      check(isDigest(digest) && Number.isSafeInteger(size) && size >= 0, "a descriptor that is none");
      const other = (plain.manifests ?? plain.layers)[i];
      check(other.digest === digest && other.size === size, "another descriptor to another parser");
    }
  }

  function mediaTypes({ chooseLayer, isForeignLayer, isIndexType, isManifestType, layerCompression }, bytes) {
    const mediaType = new TextDecoder().decode(bytes);
    check(!(isIndexType(mediaType) && isManifestType(mediaType)), "an index and a manifest");
    const compression = layerCompression(mediaType);
    isForeignLayer(mediaType);
    const layer = { mediaType, digest: DIGEST, size: 7 };
    const small = answer(() => chooseLayer(layer, 8));
    const chosen = answer(() => chooseLayer(layer, 0));
    check(
      small.error?.code === chosen.error?.code || small.error === undefined,
      "small layers are looked at more closely",
    );
    if (chosen.error !== undefined) {
      check(compression === undefined, "a layer that can be read and is none");
      throw chosen.error;
    }
    const { build, skip, ignore } = chosen.value;
    check([build, skip, ignore].filter((what) => what !== undefined).length === 1, "not one choice");
    if (skip !== undefined) check(typeof skip.message === "string" && skip.message !== "", "no reason");
    // What is indexed can be read.
    if (build !== undefined && compression !== undefined) check(build === compression, "two compressions");
  }

  function prefetch({ decodePrefetch, decodePrefetchList, encodePrefetch, prefetchSpans }, bytes) {
    const list = answer(() => decodePrefetchList(bytes));
    for (const { path, priority = 0 } of list.value ?? []) {
      check(path !== "" && !/^[ \t\n]|[ \t\n]$/.test(path), "a path that is blank, or not trimmed");
      check(Number.isSafeInteger(priority), "a priority that is none");
    }
    const artifact = decodePrefetch(bytes);
    const encoded = encodePrefetch(artifact);
    check(equal(encodePrefetch(decodePrefetch(encoded)), encoded), "encoding is no fixpoint");
    const spans = prefetchSpans([artifact, artifact], 1000);
    check(new Set(spans).size === spans.length, "a span twice");
    check(
      spans.every((span) => Number.isInteger(span) && span >= 0 && span < 1000),
      "a span that is none",
    );
    for (const { firstSpan, lastSpan } of artifact.ranges)
      if (firstSpan < 1000)
        check(spans.includes(firstSpan) && spans.includes(Math.min(lastSpan, 999)), "a span is missing");
  }
}

/** A value, or an error with a code. Every other error is thrown. */
function answer(make) {
  try {
    return { value: make() };
  } catch (error) {
    if (typeof error?.code !== "string") throw error;
    return { error };
  }
}
