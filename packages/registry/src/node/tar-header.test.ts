import { digestOf, hexOf } from "@socikit/oci";
import { expect, test } from "vitest";
import { padded, tarHeader } from "./tar-header.ts";

const of = (character: string, count: number): string => character.repeat(count);

// From Go 1.26's archive/tar: `tar.NewWriter(&b).WriteHeader(&tar.Header{Name, Size, Mode, Typeflag})`, SHA-256 of what was written.
test.for([
  ["a directory", "blobs/", 0, 0o755, 512, "9496e2bde6463ea163f87ae6a48dd4dc2728d9f896d38503dce3cb6d7635ff52"],
  ["index.json", "index.json", 77, 0o644, 512, "fb688fb14acc317eddcf503232fc716370ef7ea45c03da1a39e544aeebc17301"],
  [
    "a blob",
    `blobs/sha256/${of("a", 64)}`,
    1234,
    0o444,
    512,
    "1a9d4067bac67916201429cf963bd13d5822239613258eacabafa01650550ff7",
  ],
  [
    "the largest size of eleven digits",
    `blobs/sha256/${of("a", 64)}`,
    8_589_934_591,
    0o444,
    512,
    "2165e5c04f0c0128733da89417948a33953d7c2a00d796e3e88da67337007dc1",
  ],
  [
    "a size in a PAX record",
    `blobs/sha256/${of("a", 64)}`,
    8_589_934_592,
    0o444,
    1536,
    "c46ea7219e829bd0b585375a044b5e8422ccdea57b0489408d3a02003e1a24b9",
  ],
  [
    "a name in two fields",
    `blobs/sha384/${of("b", 96)}`,
    5,
    0o444,
    512,
    "32488f97c456b10034a7b541448dd0c53c4ca72709841999a4d07082360306d7",
  ],
  [
    "a name in a PAX record",
    `blobs/sha512/${of("c", 128)}`,
    7,
    0o444,
    1536,
    "9b707e358eb9e486c9a86df2d42a74ff6d53b0cba1bb38b6c8885f091ee6dc4c",
  ],
  [
    "name and size in PAX records",
    `blobs/sha512/${of("c", 128)}`,
    99_999_999_999,
    0o444,
    1536,
    "39f96ca466084d962bcffb0abeec2287157e9e1e8401cfa94b4e343ba8126641",
  ],
  [
    "the longest prefix",
    `${of("d", 155)}/${of("a", 64)}`,
    3,
    0o444,
    512,
    "2655c49d9e5bbe87171c15524e6a79da7c2a071425d4817563412113863258dd",
  ],
  [
    "a prefix that is one too long",
    `${of("d", 155)}e/${of("a", 64)}`,
    3,
    0o444,
    1536,
    "e2b8a8cced0401acc259e33dd5b7472b52e4e8ebf71745f0b619e61ff3f07dde",
  ],
] as const)("tarHeader() of %s is what Go writes", ([, name, size, mode, length, sha256]) => {
  const bytes = tarHeader({ name, type: name.endsWith("/") ? "directory" : "file", size, mode });
  expect(bytes.length).toBe(length);
  expect(hexOf(digestOf(bytes))).toBe(sha256);
});

test("padded() fills up blocks", () => {
  expect([0, 1, 512, 513, 2 ** 40 + 1].map(padded)).toEqual([0, 512, 512, 1024, 2 ** 40 + 512]);
});
