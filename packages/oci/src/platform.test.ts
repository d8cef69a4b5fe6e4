import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import {
  formatPlatform,
  matchesPlatform,
  normalizePlatform,
  parsePlatform,
  selectPlatform,
  type Platform,
} from "./platform.ts";

// spec section 8.5
test.for([
  ["linux/amd64", "linux/amd64"],
  ["Linux/X86_64", "linux/amd64"],
  ["linux/x86-64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["macOS/aarch64", "darwin/arm64"],
  ["linux/arm64/8", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm64/v8.0", "linux/arm64"],
  ["linux/arm64/9", "linux/arm64/v9"],
  ["linux/arm64/9.0", "linux/arm64/v9"],
  ["linux/arm64/v9.0", "linux/arm64/v9"],
  ["linux/arm64/v8.1", "linux/arm64/v8.1"],
  ["linux/i386/x", "linux/386"],
  ["linux/armhf", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/7", "linux/arm/v7"],
  ["linux/arm/5", "linux/arm/v5"],
  ["linux/arm/6", "linux/arm/v6"],
  ["linux/arm/8", "linux/arm/v8"],
  ["linux/riscv64", "linux/riscv64"],
] as const)("parsePlatform() of %s normalises to %s", ([text, want]) => {
  expect(formatPlatform(parsePlatform(text))).toBe(want);
  expect(formatPlatform(normalizePlatform(parsePlatform(text)))).toBe(want);
});

test.each(["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/*", "lin ux/amd64", "linux/amd64\n"])(
  "parsePlatform() refuses %j",
  (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "ERR_OCI_INVALID_PLATFORM" }));
  },
);

test("normalizePlatform() sorts features and drops what is empty", () => {
  expect(
    normalizePlatform({
      os: "linux",
      architecture: "amd64",
      variant: "",
      "os.version": "",
      "os.features": ["b", "a", "b"],
    }),
  ).toEqual({
    os: "linux",
    architecture: "amd64",
    "os.features": ["a", "b"],
  });
});

const linux = (more: Partial<Platform> = {}): Platform => ({ os: "linux", architecture: "amd64", ...more });
const windows = (version: string, features: readonly string[] = []): Platform => ({
  os: "windows",
  architecture: "amd64",
  "os.version": version,
  "os.features": features,
});

test.for<[string, Platform, Platform, boolean]>([
  ["spelled otherwise", linux({ architecture: "x86_64" }), linux(), true],
  ["another processor", linux(), linux({ architecture: "arm64" }), false],
  [
    "a variant that is the default",
    linux({ architecture: "arm64" }),
    linux({ architecture: "arm64", variant: "v8" }),
    true,
  ],
  ["a variant that is not", linux(), linux({ variant: "v3" }), false],
  ["a feature that was not asked for", linux(), linux({ "os.features": ["f"] }), false],
  ["a feature that was", linux({ "os.features": ["f", "g"] }), linux({ "os.features": ["g"] }), true],
  ["a version of Linux, which does not count", linux({ "os.version": "1" }), linux({ "os.version": "2" }), true],
  ["Windows' own feature", windows("10.0.17763"), windows("10.0.17763", ["win32k"]), true],
  ["an old Windows of the same build", windows("10.0.17763.1"), windows("10.0.17763.9"), true],
  ["an old Windows of another build", windows("10.0.17763"), windows("10.0.17764"), false],
  ["Windows without a version in the image", windows("10.0.17763"), windows(""), true],
  ["Windows without a version asked for", windows(""), windows("10.0.17763"), true],
  ["Windows with a version asked for that says nothing", windows("10"), windows("10.0.17763"), true],
  ["Windows with a version in the image that says nothing", windows("10.0.17763"), windows("10"), false],
  ["Windows of another major version", windows("11.0.20348"), windows("10.0.20348"), false],
  ["a Windows of the stable series on a later host", windows("10.0.22621"), windows("10.0.20348"), true],
  ["a Windows before the series on a later host", windows("10.0.22621"), windows("10.0.20347"), false],
  ["a Windows later than its host", windows("10.0.22621"), windows("10.0.22622"), false],
  ["the series on the host that ends it", windows("10.0.26100"), windows("10.0.20348"), true],
  ["the series on a host past its end", windows("10.0.26101"), windows("10.0.20348"), false],
  ["the next series on such a host", windows("10.0.26101"), windows("10.0.26100"), true],
])("matchesPlatform() with %s", ([, request, candidate, want]) => {
  expect(matchesPlatform(request, candidate)).toBe(want);
});

const child = (name: string, platform?: Platform, artifactType?: string): Descriptor => ({
  mediaType: "m",
  digest: digestOf(new TextEncoder().encode(name)),
  size: 1,
  ...(platform === undefined ? {} : { platform }),
  ...(artifactType === undefined ? {} : { artifactType }),
});
const AMD64 = child("amd64", linux());
const ARM64 = child("arm64", linux({ architecture: "arm64", variant: "v8" }));
const ATTESTATION = child("attestation", { os: "unknown", architecture: "unknown" });
const SOCI = child("soci", linux(), "application/vnd.amazon.soci.index.v2+json");

test.for<[string, Descriptor[], Platform | undefined, Descriptor]>([
  ["the one asked for", [AMD64, ARM64], linux({ architecture: "arm64" }), ARM64],
  ["the host's", [ARM64, AMD64], undefined, AMD64],
  ["the only one, attestations aside", [ARM64, ATTESTATION], undefined, ARM64],
  ["the only one, without a platform", [child("x")], undefined, child("x")],
  ["the image, not an index that lies beside it", [SOCI, AMD64], undefined, AMD64],
])("selectPlatform() chooses %s", ([, children, request, want]) => {
  expect(selectPlatform(children, request, linux())).toEqual(want);
});

test.for<[string, Descriptor[], Platform | undefined, RegExp]>([
  [
    "the one asked for is not there, though it is the only one",
    [ARM64],
    linux(),
    /none for linux\/amd64; it has linux\/arm64\/v8$/,
  ],
  [
    "the host's is not there",
    [ARM64, child("s", linux({ architecture: "s390x" }))],
    undefined,
    /it has linux\/arm64\/v8, linux\/s390x$/,
  ],
  ["there is none", [ATTESTATION, SOCI], undefined, /it has no images$/],
  ["one needs a feature", [child("f", linux({ "os.features": ["a", "b"] }))], linux(), /it has linux\/amd64 \(a, b\)$/],
])("selectPlatform() lists what there is where %s", ([, children, request, message]) => {
  const run = (): Descriptor => selectPlatform(children, request, linux());
  expect(run).toThrow(OciError);
  expect(run).toThrow(message);
});
