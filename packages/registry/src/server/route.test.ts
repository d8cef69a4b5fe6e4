import fc from "fast-check";
import { expect, test } from "vitest";
import { DistributionError } from "./distribution-error.ts";
import { parseRoute } from "./route.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

test.for([
  ["the base", "/v2/", { kind: "base" }],
  ["the base without its slash", "/v2", { kind: "base" }],
  ["the catalog", "/v2/_catalog", { kind: "catalog" }],
  ["a tag", "/v2/a/b/manifests/v1", { kind: "manifest", name: "a/b", reference: { tag: "v1" } }],
  ["a digest", `/v2/a/manifests/${DIGEST}`, { kind: "manifest", name: "a", reference: { digest: DIGEST } }],
  ["a digest whose colon is escaped", `/v2/a/blobs/sha256%3A${HEX}`, { kind: "blob", name: "a", digest: DIGEST }],
  [
    "names that hold the path's own words",
    `/v2/blobs/uploads/manifests/tags/list`,
    { kind: "tags", name: "blobs/uploads/manifests" },
  ],
  ["uploads", "/v2/a/blobs/uploads/", { kind: "uploads", name: "a" }],
  ["uploads without their slash", "/v2/a/blobs/uploads", { kind: "uploads", name: "a" }],
  ["an upload", "/v2/a/blobs/uploads/77", { kind: "upload", name: "a", id: "77" }],
  ["referrers", `/v2/a/referrers/${DIGEST}`, { kind: "referrers", name: "a", digest: DIGEST }],
  ["an escaped slash in a digest: two segments, and none of them an endpoint", "/v2/a/blobs/sha256:..%2fx", undefined],
  ["another page", "/index.html", undefined],
  ["another version", "/v1/a/tags/list", undefined],
  ["no endpoint", "/v2/a/b", undefined],
] as const)("parseRoute() of %s", ([, path, route]) => {
  expect(parseRoute(path)).toEqual(route);
});

test.for([
  ["a name in upper case", "/v2/A/tags/list", "NAME_INVALID"],
  ["no name", "/v2/manifests/v1", "NAME_INVALID"],
  ["an escaped way up", "/v2/%2e%2e/%2e%2e/etc/tags/list", "NAME_INVALID"],
  ["an escape that is none", "/v2/%zz/tags/list", "NAME_INVALID"],
  ["bytes that are no UTF-8", "/v2/%ff/tags/list", "NAME_INVALID"],
  ["a digest that is too short", "/v2/a/blobs/sha256:1234", "DIGEST_INVALID"],
  ["an algorithm nobody knows", `/v2/a/manifests/md5:${HEX}`, "DIGEST_INVALID"],
  ["a tag that is none", "/v2/a/manifests/.hidden", "MANIFEST_INVALID"],
  ["referrers of a tag", "/v2/a/referrers/v1", "DIGEST_INVALID"],
] as const)("parseRoute() refuses %s", ([, path, code]) => {
  expect(() => parseRoute(path)).toThrow(expect.objectContaining({ status: 400, code }));
});

test("parseRoute() of anything is a route, nothing, or a 400", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "v2",
      "blobs",
      "uploads",
      "manifests",
      "tags",
      "list",
      "referrers",
      DIGEST,
      "..",
      "%2e%2e",
      "%",
      "",
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 7 }), (words) => {
      try {
        const route = parseRoute(`/v2/${words.join("/")}`);
        if (route !== undefined && "name" in route) expect(route.name).not.toMatch(/\.\.|^\/|[A-Z%]/);
      } catch (error) {
        if (!(error instanceof DistributionError)) throw error;
        expect(error.status).toBe(400);
      }
    }),
    { numRuns: 2000 },
  );
});
