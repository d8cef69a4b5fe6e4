import type { Descriptor, Digest, Platform } from "@socikit/oci";
import { expect, test } from "vitest";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import { placeIndexes } from "./place-indexes.ts";

const digest = `sha256:${"0".repeat(64)}` as Digest;
const child = (platform?: Platform, artifactType?: string): Descriptor => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest,
  size: 1,
  ...(platform === undefined ? {} : { platform }),
  ...(artifactType === undefined ? {} : { artifactType }),
});
const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };
const windows = (version: string): Platform => ({ os: "windows", architecture: "amd64", "os.version": version });

/** `0`, `1`: the index of that platform; `c0`: the child of that place. */
function placed(children: readonly Descriptor[], platforms: readonly Platform[]): readonly string[] {
  return placeIndexes(children, platforms).map((entry) =>
    "platform" in entry ? String(entry.platform) : `c${children.indexOf(entry.child)}`,
  );
}

test.for<[string, readonly Descriptor[], readonly Platform[], readonly string[]]>([
  ["behind all", [child(AMD64), child(ARM64)], [ARM64, AMD64], ["c0", "c1", "0", "1"]],
  [
    "in the place of one of the platform",
    [child(AMD64), child(AMD64, SOCI_INDEX_V2), child(ARM64)],
    [AMD64],
    ["c0", "0", "c2"],
  ],
  [
    "in the place of one whose platform is spelt otherwise",
    [child(ARM64), child({ ...ARM64, variant: "v8" }, SOCI_INDEX_V2)],
    [ARM64],
    ["c0", "0"],
  ],
  [
    "in the place of the first of two",
    [child(AMD64, SOCI_INDEX_V2), child(AMD64, SOCI_INDEX_V2)],
    [AMD64],
    ["0", "c1"],
  ],
  ["not in the place of one without a platform", [child(undefined, SOCI_INDEX_V2)], [AMD64], ["c0", "0"]],
  [
    "not in the place of an image, or of one of another kind",
    [child(AMD64), child(AMD64, "x")],
    [AMD64],
    ["c0", "c1", "0"],
  ],
  // Windows images run on later hosts: so the reference has it.
  [
    "in the place of one of the same run",
    [child(windows("10.0.20348.1")), child(windows("10.0.26100.1"))],
    [windows("10.0.20348.1"), windows("10.0.26100.1")],
    ["c0", "c1", "1"],
  ],
])("placeIndexes() puts an index %s", ([, children, platforms, want]) => {
  expect(placed(children, platforms)).toEqual(want);
});
