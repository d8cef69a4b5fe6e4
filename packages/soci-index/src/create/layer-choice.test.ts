import { digestOf } from "@socikit/oci";
import { expect, test } from "vitest";
import { chooseLayer } from "./layer-choice.ts";

const DIGEST = digestOf(new Uint8Array());
const oci = "application/vnd.oci.image.layer.";
const docker = "application/vnd.docker.image.rootfs.";

// spec section 8.3
test.for([
  [`${docker}diff.tar.gzip`, "gzip"],
  [`${docker}foreign.diff.tar.gzip`, "gzip"],
  [`${oci}v1.tar+gzip`, "gzip"],
  [`${oci}nondistributable.v1.tar+gzip`, "gzip"],
  [`${oci}v1.tar`, "uncompressed"],
  [`${docker}diff.tar`, "uncompressed"],
  [`${docker}foreign.diff.tar`, "uncompressed"],
  // The last suffix in byte order decides, and building this one fails.
  [`${oci}v1.tar+gzip+encrypted`, "gzip"],
  [`${oci}v1.tar+encrypted+gzip`, "gzip"],
] as const)("chooseLayer() builds %s as %s", ([mediaType, build]) => {
  expect(chooseLayer({ mediaType, digest: DIGEST, size: 5 }, 5)).toEqual({ build });
});

test.for([
  [`${oci}v1.tar+zstd`, "zstd"],
  [`${docker}diff.tar.zstd`, "zstd"],
  [`${oci}nondistributable.v1.tar+zstd`, "zstd"],
  [`${oci}v1.tar+zstd+gzip`, "zstd"],
  [`${oci}nondistributable.v1.tar`, ""],
  [`${oci}v1.tar+encrypted`, ""],
  [`${oci}v1.tar+xz`, ""],
  [`${docker}diff.tar.gzip+encrypted`, ""],
] as const)("chooseLayer() skips %s and says %j", ([mediaType, found]) => {
  expect(chooseLayer({ mediaType, digest: DIGEST, size: 5 }, 0)).toEqual({
    skip: {
      code: "compression",
      message: `ztoc skipped - layer ${DIGEST} (${mediaType}) is compressed in an unsupported format. expect: [tar, gzip, unknown] but got "${found}"`,
    },
  });
});

test("chooseLayer() skips what is smaller than the minimum, before it looks at the compression", () => {
  const layer = { mediaType: `${oci}v1.tar+zstd`, digest: DIGEST, size: 4 };
  expect(chooseLayer(layer, 5)).toEqual({
    skip: {
      code: "too-small",
      message: `ztoc skipped - layer ${DIGEST} (${oci}v1.tar+zstd) size 4 is less than min-layer-size 5`,
    },
  });
});

test("chooseLayer() passes over a prefetch artifact", () => {
  expect(
    chooseLayer({ mediaType: "application/vnd.amazon.soci.prefetch.v1+json", digest: DIGEST, size: 4 }, 5),
  ).toEqual({ ignore: true });
});

test.for([
  ["text/plain", "ERR_SOCI_NOT_AN_IMAGE"],
  ["application/vnd.in-toto+json", "ERR_SOCI_NOT_AN_IMAGE"],
  ["application/vnd.docker.image.rootfs.other", "ERR_SOCI_NOT_AN_IMAGE"],
  ["", "ERR_SOCI_NOT_AN_IMAGE"],
  [`${oci}v2.tar`, "ERR_SOCI_UNKNOWN_LAYER_TYPE"],
  [`${oci}v1.squashfs+gzip`, "ERR_SOCI_UNKNOWN_LAYER_TYPE"],
] as const)("chooseLayer() refuses %j with %s", ([mediaType, code]) => {
  expect(() => chooseLayer({ mediaType, digest: DIGEST, size: 5 }, 0)).toThrow(expect.objectContaining({ code }));
});
