import { expect, test } from "vitest";
import { endpointOf, isLocalAddress, isLoopbackHost } from "./origin.ts";

test.for<[string, string, string, boolean | undefined, string, string]>([
  ["https by itself", "ghcr.io", "a/b", undefined, "https://ghcr.io", "a/b"],
  ["a port", "r.example:5000", "a", undefined, "https://r.example:5000", "a"],
  ["this machine: http", "localhost:5000", "a", undefined, "http://localhost:5000", "a"],
  ["127/8", "127.1.2.3:5000", "a", undefined, "http://127.1.2.3:5000", "a"],
  ["IPv6", "[::1]:5000", "a", undefined, "http://[::1]:5000", "a"],
  ["this machine with TLS", "localhost:5000", "a", false, "https://localhost:5000", "a"],
  ["http elsewhere, when told", "r.example:5000", "a", true, "http://r.example:5000", "a"],
  ["a name that begins alike", "localhost.evil.test", "a", undefined, "https://localhost.evil.test", "a"],
  ["Docker Hub, official image", "docker.io", "alpine", undefined, "https://registry-1.docker.io", "library/alpine"],
  ["Docker Hub, with a namespace", "index.docker.io", "a/b", undefined, "https://registry-1.docker.io", "a/b"],
])("endpointOf(): %s", ([, registry, repository, plainHttp, origin, name]) => {
  expect(endpointOf(registry, repository, plainHttp)).toEqual({ origin, repository: name });
});

test.for<[string, boolean]>([
  ["localhost", true],
  ["LOCALHOST:5000", true],
  ["a.localhost", true],
  ["127.0.0.1", true],
  ["127.0.0.1.evil.test", false],
  ["[::1]", true],
  ["128.0.0.1", false],
  ["10.0.0.1", false],
])("isLoopbackHost(%j) is %j", ([host, want]) => {
  expect(isLoopbackHost(host)).toBe(want);
});

test.for<[string, boolean]>([
  ["169.254.169.254", true],
  ["0.0.0.0", true],
  ["[::]", true],
  ["[fe80::1]", true],
  ["[::ffff:7f00:1]", true],
  ["100.100.100.200", true],
  ["metadata.google.internal", true],
  ["10.0.0.1", false],
  ["s3.amazonaws.com", false],
])("isLocalAddress(%j) is %j", ([host, want]) => {
  expect(isLocalAddress(host)).toBe(want);
});
