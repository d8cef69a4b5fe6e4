import { digestOf, OCI_INDEX, OCI_MANIFEST, type Descriptor, type ImageIndex } from "@socikit/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { capabilityOf, isFiltered, mergeReferrer, withoutReferrers } from "./referrers.ts";

const descriptor = (n: number): Descriptor => {
  const bytes = new TextEncoder().encode(String(n));
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length };
};

test.for<[string, number, string | undefined, string[], string | undefined]>([
  ["the API", 200, OCI_INDEX, [], "api"],
  ["a login page", 200, "text/html", [], "tag"],
  ["docker-registry 2.8", 404, "text/plain", [], "tag"],
  ["a route that is not there", 404, "application/json", ["METHOD_UNKNOWN"], "tag"],
  ["no such repository", 404, "application/json", ["NAME_UNKNOWN"], undefined],
  ["not supported", 405, undefined, [], "tag"],
  ["not allowed", 403, undefined, ["DENIED"], undefined],
  ["out of order", 503, undefined, [], undefined],
])("capabilityOf() %s", ([, status, mediaType, codes, want]) => {
  expect(capabilityOf({ status, mediaType, codes })).toBe(want);
});

test("isFiltered() reads a list", () => {
  expect(isFiltered("artifactType")).toBe(true);
  expect(isFiltered("a, artifactType ,b")).toBe(true);
  expect(isFiltered("artifact")).toBe(false);
  expect(isFiltered(null)).toBe(false);
});

test("mergeReferrer() appends once, and says by identity that nothing changed", () => {
  const one = mergeReferrer(undefined, descriptor(1));
  expect(one).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor(1)] });
  expect(mergeReferrer(one, descriptor(1))).toBe(one);
  expect(mergeReferrer(one, descriptor(2)).manifests).toEqual([descriptor(1), descriptor(2)]);
});

test("mergeReferrer() in any order lists the same, each once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 20 }), (numbers) => {
      let index: ImageIndex | undefined;
      for (const n of numbers) index = mergeReferrer(index, descriptor(n));
      const found = new Set((index?.manifests ?? []).map(({ digest }) => digest));
      expect(found).toEqual(new Set(numbers.map((n) => descriptor(n).digest)));
      expect(index?.manifests.length ?? 0).toBe(found.size);
    }),
  );
});

test("withoutReferrers() says by identity that nothing changed", () => {
  const index = mergeReferrer(mergeReferrer(undefined, descriptor(1)), descriptor(2));
  expect(withoutReferrers(index, new Set([descriptor(3).digest]))).toBe(index);
  expect(withoutReferrers(index, new Set([descriptor(1).digest])).manifests).toEqual([descriptor(2)]);
});
