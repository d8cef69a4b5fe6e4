import { expect, test } from "vitest";
import { hostPlatform } from "./host-platform.ts";
import { formatPlatform } from "./platform.ts";

test.for([
  ["x64", "linux/amd64"],
  ["arm64", "linux/arm64"],
  ["ia32", "linux/386"],
  ["s390x", "linux/s390x"],
  ["ppc64", "linux/ppc64le"],
] as const)("hostPlatform() on %s is %s", ([arch, want]) => {
  expect(formatPlatform(hostPlatform(arch))).toBe(want);
});

test("hostPlatform() asks the host", () => {
  expect(hostPlatform()).toEqual(hostPlatform(process.arch));
});
