import { formatPlatform, type Platform } from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { defaultPlatform, distinctPlatforms, parseRequestedPlatform } from "./requested-platform.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64" };

describe("parseRequestedPlatform() reads a platform as the reference does", () => {
  // spec section 8.5
  test.for<[string, Platform]>([
    ["linux/amd64", AMD64],
    ["Linux/x86_64", AMD64],
    ["linux/amd64/v1", AMD64],
    ["linux/amd64/v2", { ...AMD64, variant: "v2" }],
    ["linux/arm64", { os: "linux", architecture: "arm64" }],
    ["linux/aarch64", { os: "linux", architecture: "arm64" }],
    // A variant that says nothing is kept where it was said.
    ["linux/arm64/v8", { os: "linux", architecture: "arm64", variant: "v8" }],
    ["linux/arm64/8", { os: "linux", architecture: "arm64", variant: "v8" }],
    ["linux/arm64/v9.0", { os: "linux", architecture: "arm64", variant: "v9" }],
    ["linux/arm", { os: "linux", architecture: "arm" }],
    ["linux/arm/v7", { os: "linux", architecture: "arm", variant: "v7" }],
    ["linux/arm/6", { os: "linux", architecture: "arm", variant: "v6" }],
    ["linux/armel", { os: "linux", architecture: "arm", variant: "v6" }],
    ["linux/armhf", { os: "linux", architecture: "arm" }],
    ["macos/arm64", { os: "darwin", architecture: "arm64" }],
    ["windows(10.0.20348)/amd64", { os: "windows", architecture: "amd64", "os.version": "10.0.20348" }],
    [
      "windows(10.0.20348+win32k+x)/amd64",
      { os: "windows", architecture: "amd64", "os.version": "10.0.20348", "os.features": ["win32k", "x"] },
    ],
    ["windows(+win32k)/amd64", { os: "windows", architecture: "amd64", "os.features": ["win32k"] }],
    ["linux", AMD64],
    ["windows", { os: "windows", architecture: "amd64" }],
    ["amd64", AMD64],
    ["arm64", { os: "linux", architecture: "arm64" }],
    ["arm", { os: "linux", architecture: "arm" }],
    ["armel", { os: "linux", architecture: "arm", variant: "v6" }],
  ])("%s", ([text, platform]) => {
    expect(parseRequestedPlatform(text, AMD64)).toEqual(platform);
  });

  test("a system alone is of the host's processor", () => {
    const arm: Platform = { os: "linux", architecture: "arm", variant: "v6" };
    expect(parseRequestedPlatform("linux", arm)).toEqual(arm);
    expect(parseRequestedPlatform("linux", { ...arm, variant: "v7" })).toEqual({ os: "linux", architecture: "arm" });
    expect(parseRequestedPlatform("linux", { ...AMD64, architecture: "arm64", variant: "v8" })).toEqual({
      os: "linux",
      architecture: "arm64",
    });
  });

  test.for<[string, string]>([
    ["bogus", '"bogus": unknown operating system or architecture: invalid argument'],
    ["linux/*", '"linux/*": wildcards not yet supported: invalid argument'],
    ["a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'],
    [
      "linux/a b",
      '"a b" is an invalid component of "linux/a b": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument',
    ],
    ["", '"" is an invalid component of "": platform specifier component must match'],
    ["linux/", '"" is an invalid component of "linux/": platform specifier component must match'],
  ])("%s is none", ([text, what]) => {
    expect(() => parseRequestedPlatform(text, AMD64)).toThrow(
      expect.objectContaining({ code: "ERR_OCI_INVALID_PLATFORM", message: expect.stringContaining(what) }),
    );
  });
});

test.for<[Platform, string]>([
  [AMD64, "linux/amd64"],
  [{ os: "linux", architecture: "arm64" }, "linux/arm64/v8"],
  [{ os: "linux", architecture: "arm" }, "linux/arm/v7"],
  [{ os: "linux", architecture: "arm", variant: "v6" }, "linux/arm/v6"],
])("defaultPlatform() of %j is %s", ([host, text]) => {
  expect(formatPlatform(defaultPlatform(host))).toBe(text);
});

test("distinctPlatforms() leaves out what an earlier one asks for already, however it is spelt", () => {
  const arm64: Platform = { os: "linux", architecture: "arm64" };
  const platforms: readonly Platform[] = [
    AMD64,
    { ...arm64, variant: "v8" },
    arm64,
    { ...AMD64, architecture: "x86_64" },
  ];
  expect(distinctPlatforms(platforms)).toEqual([AMD64, { ...arm64, variant: "v8" }]);
});
