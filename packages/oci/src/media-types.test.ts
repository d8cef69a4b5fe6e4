import { expect, test } from "vitest";
import { isIndexType, isManifestType, layerCompression, MANIFEST_TYPES, isForeignLayer } from "./media-types.ts";

test("every manifest type is an index's or an image's", () => {
  expect(MANIFEST_TYPES.map((type) => [isIndexType(type), isManifestType(type)])).toEqual([
    [false, true],
    [true, false],
    [false, true],
    [true, false],
  ]);
});

test.for([
  ["application/vnd.oci.image.layer.v1.tar", "uncompressed"],
  ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar", "uncompressed"],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar", "uncompressed"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar", "uncompressed"],
  ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted", undefined],
  ["application/vnd.oci.image.layer.v1.tar+encrypted", undefined],
  ["application/vnd.oci.image.layer.v1.tar+xz", undefined],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted", undefined],
  ["application/vnd.oci.image.config.v1+json", undefined],
  ["text/plain", undefined],
  ["", undefined],
] as const)("layerCompression() of %s is %s", ([mediaType, want]) => {
  expect(layerCompression(mediaType)).toBe(want);
});

test.for<readonly [mediaType: string, foreign: boolean]>([
  ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar", true],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", false],
  ["application/vnd.oci.image.layer.v1.tar", false],
  ["", false],
])("isForeignLayer(%j) is %s", ([mediaType, foreign]) => {
  expect(isForeignLayer(mediaType)).toBe(foreign);
});
