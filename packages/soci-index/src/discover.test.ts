import {
  decodeManifest,
  digestOf,
  encodeManifest,
  OCI_MANIFEST,
  OciError,
  type Descriptor,
  type ImageManifest,
  type ReferrersAnswer,
} from "@socikit/oci";
import { expect, test } from "vitest";
import { discoverSociIndex, sociIndexCandidates, type DiscoverOptions } from "./discover.ts";
import { describeTrace, DISCOVERY_CODES, type DiscoveryEvent } from "./discovery-event.ts";
import { SOCI_INDEX_V1 } from "./media-types.ts";
import { createSociIndex, encodeSociIndex, sociIndexConfig } from "./soci-index.ts";
import { memoryTarget, type MemoryTarget } from "./testing/memory-target.ts";

const CONFIG = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(new Uint8Array()), size: 0 };

function imageOf(annotations?: Record<string, string>): { descriptor: Descriptor; manifest: ImageManifest } {
  const bytes = encodeManifest({
    schemaVersion: 2,
    config: CONFIG,
    layers: [],
    ...(annotations === undefined ? {} : { annotations }),
  });
  return {
    descriptor: {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(bytes),
      size: bytes.length,
    },
    manifest: decodeManifest(bytes) as ImageManifest,
  };
}

async function storeOf(...indexes: readonly Uint8Array[]): Promise<MemoryTarget> {
  const store = memoryTarget();
  store.blobs.set(digestOf(sociIndexConfig()), sociIndexConfig());
  for (const index of indexes) await store.pushManifest(index, OCI_MANIFEST);
  return store;
}

async function discover(store: MemoryTarget, image: ReturnType<typeof imageOf>, options?: DiscoverOptions) {
  const trace: DiscoveryEvent[] = [];
  const found = await discoverSociIndex({ index: store }, image, { ...options, onEvent: (event) => trace.push(event) });
  return { found, trace: trace.map(({ v, type, step, outcome, index }) => [v, type, step, outcome, index]) };
}

const PLAIN = imageOf();
const V1 = encodeSociIndex(createSociIndex("v1", [], PLAIN.descriptor));
const OTHER_V1 = encodeSociIndex(createSociIndex("v1", [], PLAIN.descriptor, { buildToolIdentifier: "other" }));
const V2 = encodeSociIndex(createSociIndex("v2", []));
const ANNOTATED = imageOf({ "com.amazon.soci.index-digest": digestOf(V2) });

test("discoverSociIndex() uses the index that the caller names, before anything else", async () => {
  const { found, trace } = await discover(await storeOf(V1, V2), ANNOTATED, { indexDigest: digestOf(V1) });
  expect(found).toMatchObject({ via: "digest", index: { version: "v1" }, descriptor: { digest: digestOf(V1) } });
  expect(trace).toEqual([[1, "discovery", "digest", "found", digestOf(V1)]]);
});

test("discoverSociIndex() uses the index that the image's annotation names, before referrers", async () => {
  const v1 = encodeSociIndex(createSociIndex("v1", [], ANNOTATED.descriptor));
  const { found, trace } = await discover(await storeOf(v1, V2), ANNOTATED);
  expect(found).toMatchObject({ via: "annotation", index: { version: "v2" } });
  expect(trace).toEqual([[1, "discovery", "annotation", "found", digestOf(V2)]]);
});

test("discoverSociIndex() uses the first v1 referrer", async () => {
  const { found, trace } = await discover(await storeOf(V2, OTHER_V1, V1), PLAIN);
  expect(found).toMatchObject({ via: "referrers", descriptor: { digest: digestOf(OTHER_V1) } });
  expect(trace).toEqual([
    [1, "discovery", "annotation", "absent", undefined],
    [1, "discovery", "referrers", "found", digestOf(OTHER_V1)],
  ]);
});

test("discoverSociIndex() finds none where there is none", async () => {
  const { found, trace } = await discover(await storeOf(V1), imageOf({ a: "b" }));
  expect(found).toBeUndefined();
  expect(trace.map(([, , step, outcome]) => [step, outcome])).toEqual([
    ["annotation", "absent"],
    ["referrers", "absent"],
  ]);
});

test.for([
  ["another image's", encodeSociIndex(createSociIndex("v1", [], ANNOTATED.descriptor))],
  ["a v2 index", V2],
] as const)("discoverSociIndex() passes over what the registry lists and is %s", async ([, wrong]) => {
  const store = await storeOf(wrong, V1);
  // A registry, or whoever writes its fallback tag, may list anything.
  store.referrers = async function* () {
    for (const bytes of [wrong, V1]) yield { ...(await store.resolve(digestOf(bytes))), artifactType: SOCI_INDEX_V1 };
  };
  const { found, trace } = await discover(store, PLAIN);
  expect(found?.descriptor.digest).toBe(digestOf(V1));
  expect(trace.map(([, , , outcome]) => outcome)).toEqual(["absent", "rejected", "found"]);
});

const fault = (message: string, more: object): Error => Object.assign(new Error(message), more);

const BROKEN = new TextEncoder().encode("{");

test.for<readonly [what: string, fetch: () => Promise<Uint8Array>, message: RegExp, listed?: Uint8Array]>([
  ["cannot be decoded", async () => BROKEN, /it cannot be used: Cannot decode SOCI index/, BROKEN],
  [
    "has another digest",
    () => Promise.reject(new OciError("ERR_OCI_DIGEST_MISMATCH", "Cannot fetch manifest: another digest")),
    /cannot be used: .*another digest/,
  ],
  ["has other bytes, and the port does not look", async () => V2, /it cannot be used: .*came instead of/],
  [
    "is listed and not there",
    () => Promise.reject(fault("Cannot fetch manifest: 404", { code: "ERR_X_UNKNOWN", notFound: true })),
    /cannot be used: .*404/,
  ],
])(
  "discoverSociIndex() passes over a referrer that %s, and uses the next",
  async ([, fetch, message, listed = OTHER_V1]) => {
    const store = await storeOf(V1);
    const bad = digestOf(listed);
    const badReferrer = { mediaType: "", digest: bad, size: listed.length, artifactType: SOCI_INDEX_V1 };
    const list = (descriptors: readonly Descriptor[]) =>
      async function* () {
        yield* descriptors;
      };
    const { fetchManifest } = store;
    store.fetchManifest = async (target, options) =>
      typeof target !== "string" && target.digest === bad
        ? { descriptor: target, bytes: await fetch() }
        : fetchManifest(target, options);
    store.referrers = list([badReferrer, await store.resolve(digestOf(V1))]);
    const events: DiscoveryEvent[] = [];
    const onEvent = (event: DiscoveryEvent): void => void events.push(event);
    const found = await discoverSociIndex({ index: store }, PLAIN, { onEvent });
    expect(found?.descriptor.digest).toBe(digestOf(V1));
    expect(events.map(({ outcome }) => outcome)).toEqual(["absent", "rejected", "found"]);
    expect(events[1]).toMatchObject({ index: bad, message: expect.stringMatching(message) });
    // Alone, it leaves the image readable without an index, and the trace does not say that nothing was listed.
    store.referrers = list([badReferrer]);
    events.length = 0;
    expect(await discoverSociIndex({ index: store }, PLAIN, { onEvent })).toBeUndefined();
    expect(events.at(-1)).toMatchObject({
      outcome: "absent",
      message: expect.stringMatching(/^no SOCI index that the registry lists for \S+ can be used$/),
    });
  },
);

test("discoverSociIndex() passes over a list of referrers that cannot be read", async () => {
  const store = await storeOf(V1);
  // Whoever may push can write the fallback tag.
  store.referrers = async function* () {
    yield* [];
    throw new OciError("ERR_OCI_INVALID_MANIFEST", "Cannot decode manifest: it is not JSON");
  };
  const { found, trace } = await discover(store, PLAIN);
  expect(found).toBeUndefined();
  expect(trace.map(([, , step, outcome]) => [step, outcome])).toEqual([
    ["annotation", "absent"],
    ["referrers", "rejected"],
    ["referrers", "absent"],
  ]);
});

test.for([
  ["the network", fault("reset", { code: "ERR_REGISTRY_NETWORK", retryable: true })],
  ["a refusal", fault("403", { code: "ERR_REGISTRY_DENIED" })],
  ["an abort", new DOMException("stop", "AbortError")],
] as const)("discoverSociIndex() fails with the error of %s, of a referrer and of the list", async ([, error]) => {
  const store = await storeOf(V1);
  store.fetchManifest = () => Promise.reject(error);
  await expect(discover(store, PLAIN)).rejects.toBe(error);
  store.referrers = async function* () {
    yield* [];
    throw error;
  };
  await expect(discover(store, PLAIN)).rejects.toBe(error);
});

const WRONG: readonly Uint8Array[] = Array.from({ length: 70 }, (_, i) =>
  encodeSociIndex(createSociIndex("v1", [], ANNOTATED.descriptor, { buildToolIdentifier: `${i}` })),
);

/** Candidates of a store that lists indexes with annotations, as far as they come. */
async function candidatesOf(listed: readonly Uint8Array[], annotations: Record<string, Record<string, string>> = {}) {
  const store = await storeOf(...listed);
  let fetched = 0;
  const { fetchManifest } = store;
  store.fetchManifest = (...args) => {
    fetched++;
    return fetchManifest(...args);
  };
  store.referrers = async function* () {
    for (const bytes of listed) {
      const digest = digestOf(bytes);
      yield { ...(await store.resolve(digest)), artifactType: SOCI_INDEX_V1, annotations: annotations[digest] ?? {} };
    }
  };
  const found: string[] = [];
  const events: DiscoveryEvent[] = [];
  const options = { onEvent: (event: DiscoveryEvent): void => void events.push(event) };
  for await (const { descriptor } of sociIndexCandidates({ index: store }, PLAIN, options))
    found.push(descriptor.digest);
  return { found, fetched, codes: events.map(({ code }) => code), messages: events.map(({ message }) => message) };
}

test.for([
  [15, "behind"],
  [16, "behind"],
  [70, "behind"],
  [15, "in front"],
] as const)("sociIndexCandidates() finds a good one with %i of other images %s", async ([count, where]) => {
  const wrong = WRONG.slice(0, count);
  const { found } = await candidatesOf(where === "behind" ? [...wrong, V1] : [V1, ...wrong]);
  expect(found).toEqual([digestOf(V1)]);
});

test("sociIndexCandidates() looks at 64 and no more, and says how another is used", async () => {
  const { found, fetched, codes, messages } = await candidatesOf([...WRONG.slice(0, 16), V1, ...WRONG.slice(16)]);
  expect(found).toEqual([]);
  expect(fetched).toBe(64);
  expect(codes).toContain("too-many-referrers");
  expect(messages.join()).toMatch(/more than 64 manifests .* \(--index DIGEST\)/);
});

test("sociIndexCandidates() gives the first of the list, then the newest", async () => {
  const indexes = Array.from({ length: 5 }, (_, i) =>
    encodeSociIndex(createSociIndex("v1", [], PLAIN.descriptor, { buildToolIdentifier: `${i}` })),
  );
  const digests = indexes.map((bytes) => digestOf(bytes));
  expect((await candidatesOf(indexes)).found).toEqual([0, 4, 3, 2, 1].map((i) => digests[i]));
  const made = (time: string): Record<string, string> => ({ "org.opencontainers.image.created": time });
  const annotations = { [digests[1]!]: made("2026-01-01T00:00:00Z"), [digests[2]!]: made("2026-02-01T00:00:00Z") };
  expect((await candidatesOf(indexes, annotations)).found).toEqual([0, 2, 1, 4, 3].map((i) => digests[i]));
  expect((await candidatesOf([...indexes, ...indexes])).fetched).toBe(5);
});

test("discoverSociIndex() does not fall back where what is named is broken or missing", async () => {
  const store = await storeOf(V1);
  await expect(discover(store, PLAIN, { indexDigest: digestOf(V2) })).rejects.toThrow("Cannot find manifest");
  const missing = imageOf({ "com.amazon.soci.index-digest": digestOf(V2) });
  await expect(discover(store, missing)).rejects.toThrow("Cannot find manifest");
  const broken = imageOf({ "com.amazon.soci.index-digest": "sha256:../x" });
  await expect(discover(store, broken)).rejects.toMatchObject({
    code: "ERR_SOCI_INDEX_MALFORMED",
    message: /"sha256:..\/x" is not a digest/,
  });
  const image = encodeManifest({
    schemaVersion: 2,
    config: { ...CONFIG, digest: digestOf(sociIndexConfig()), size: 2 },
    layers: [],
  });
  await expect(discover(await storeOf(image), PLAIN, { indexDigest: digestOf(image) })).rejects.toMatchObject({
    code: "ERR_SOCI_INDEX_UNKNOWN_VERSION",
  });
});

test("sociIndexCandidates() goes on to the next referrer, and asks for none before it is wanted", async () => {
  const store = await storeOf(V1, OTHER_V1);
  const fetched: string[] = [];
  const { fetchManifest } = store;
  store.fetchManifest = (target, options) => {
    fetched.push(typeof target === "string" ? target : target.digest);
    return fetchManifest(target, options);
  };
  const [v1, other] = [await store.resolve(digestOf(V1)), await store.resolve(digestOf(OTHER_V1))];
  let left = false;
  store.referrers = async function* () {
    try {
      // The same again is one candidate.
      for (const found of [v1, v1, other]) yield { ...found, artifactType: SOCI_INDEX_V1 };
    } finally {
      left = true;
    }
  };
  const events: DiscoveryEvent[] = [];
  const candidates = sociIndexCandidates({ index: store }, PLAIN, { onEvent: (event) => events.push(event) });
  expect((await candidates.next()).value?.descriptor.digest).toBe(digestOf(V1));
  expect(fetched).toEqual([digestOf(V1)]);
  expect((await candidates.next()).value?.descriptor.digest).toBe(digestOf(OTHER_V1));
  expect(await candidates.next()).toEqual({ done: true, value: undefined });
  expect(events.map(({ outcome }) => outcome)).toEqual(["absent", "found", "found", "absent"]);
  expect(events.at(-1)?.message).toMatch(/^no SOCI index that the registry lists for \S+ can be used$/);
  // Whoever stops at one lets go of the list.
  left = false;
  const stopped = sociIndexCandidates({ index: store }, PLAIN);
  await stopped.next();
  await stopped.return();
  expect(left).toBe(true);
});

test.for([
  ["the caller", PLAIN, { indexDigest: digestOf(V1) }],
  ["the image", ANNOTATED, {}],
] as const)("sociIndexCandidates() has nothing behind what %s names", async ([, image, options]) => {
  const found: string[] = [];
  const v1 = encodeSociIndex(createSociIndex("v1", [], ANNOTATED.descriptor));
  for await (const { via } of sociIndexCandidates({ index: await storeOf(V1, V2, OTHER_V1, v1) }, image, options))
    found.push(via);
  expect(found).toHaveLength(1);
});

/** A store that lists V1 and others as a registry does, and tells how. */
async function tellingStore(
  answers: readonly ReferrersAnswer[],
  ...listed: readonly Uint8Array[]
): Promise<MemoryTarget> {
  const store = await storeOf(V1, OTHER_V1, V2);
  store.referrers = async function* (_subject, options) {
    try {
      for (const bytes of listed) {
        const referrer = { digest: digestOf(bytes), size: bytes.length, mediaType: OCI_MANIFEST };
        yield { ...referrer, artifactType: SOCI_INDEX_V1 };
      }
    } finally {
      for (const answer of answers) options?.onAnswer?.(answer);
    }
  };
  return store;
}

const API = { way: "api", asked: "referrers/x", outcome: "listed", listed: 3, given: 2 } as const;
const TAG = { way: "tag", asked: "sha256-x", outcome: "listed", listed: 1, given: 1 } as const;

test.for<
  readonly [
    string,
    () => Promise<readonly [MemoryTarget, ReturnType<typeof imageOf>, DiscoverOptions?]>,
    readonly string[],
    readonly (string | RegExp)[],
  ]
>([
  [
    "an index that the caller names",
    async () => [await storeOf(V1), PLAIN, { indexDigest: digestOf(V1) }],
    ["named"],
    [`digest: found: ${digestOf(V1)} is named by the caller`],
  ],
  [
    "an index that is named and not there",
    async () => [await storeOf(V1), ANNOTATED],
    ["named-unusable"],
    [/^annotation \(v2\): failed: sha256:\S+ is named by the image's annotation and cannot be used: Cannot find/],
  ],
  [
    "an annotation that is no digest",
    async () => [await storeOf(), imageOf({ "com.amazon.soci.index-digest": "\u001bx" })],
    ["not-a-digest"],
    ['annotation (v2): failed: its annotation "\\u001bx" is not a digest'],
  ],
  [
    "no index at all",
    async () => [
      await tellingStore([
        { ...API, outcome: "unsupported", listed: 0, given: 0 },
        { ...TAG, outcome: "absent", listed: 0, given: 0 },
      ]),
      PLAIN,
    ],
    ["no-annotation", "api-unsupported", "tag-absent", "none-listed"],
    [
      "annotation (v2): absent: the image has no annotation com.amazon.soci.index-digest",
      "referrers (v1): answered: the registry has no referrers API",
      "referrers (v1): answered: there is no tag sha256-x",
      /^referrers \(v1\): absent: the registry lists no SOCI index for sha256:/,
    ],
  ],
  [
    "lists that cannot be used",
    async () => [
      await tellingStore(
        [
          { ...API, outcome: "unusable" },
          { ...TAG, outcome: "unusable" },
        ],
        V2,
      ),
      PLAIN,
    ],
    ["no-annotation", "referrer-v2", "api-unusable", "tag-unusable", "none-usable"],
    [
      /^annotation/,
      "referrers (v1): answered: the referrers API answers with what is no list",
      /rejected: \S+ is listed as a referrer of the image, but it is a v2 index$/,
      "referrers (v1): answered: the tag sha256-x is no list of referrers",
      /can be used$/,
    ],
  ],
  [
    "an API that answers with an error, and a tag",
    async () => [await tellingStore([{ ...API, outcome: "refused", listed: 0, given: 0 }, TAG], V2), PLAIN],
    ["no-annotation", "referrer-v2", "api-refused", "tag-listed", "none-usable"],
    [
      /^annotation/,
      "referrers (v1): answered: the registry answers the referrers API with an error, the fallback tag is asked all the same",
      /rejected: \S+ is listed as a referrer of the image, but it is a v2 index$/,
      /^referrers \(v1\): answered: the tag sha256-x lists/,
      /can be used$/,
    ],
  ],
  [
    "referrers of both ways",
    async () => [
      await tellingStore([API, TAG], BROKEN, encodeSociIndex(createSociIndex("v1", [], ANNOTATED.descriptor)), V1),
      PLAIN,
    ],
    ["no-annotation", "referrer-missing", "referrer-missing", "referrer", "api-listed", "tag-listed"],
    [
      /^annotation/,
      "referrers (v1): answered: the referrers API lists 3, 2 of them taken for SOCI indexes",
      /rejected/,
      /rejected/,
      /found: \S+ is listed as a referrer of the image/,
      "referrers (v1): answered: the tag sha256-x lists 1, 1 of them taken for SOCI indexes that were not listed before",
    ],
  ],
])("a trace tells of %s", async ([, make, codes, lines]) => {
  const [store, image, options] = await make();
  const events: DiscoveryEvent[] = [];
  const onEvent = (event: DiscoveryEvent): void => void events.push(event);
  await discoverSociIndex({ index: store }, image, { ...options, onEvent }).catch(() => undefined);
  expect(events.map(({ code }) => code)).toEqual(codes);
  expect([...DISCOVERY_CODES]).toEqual(expect.arrayContaining([...codes]));
  expect(describeTrace(events)).toEqual(
    lines.map((line): unknown => (typeof line === "string" ? line : expect.stringMatching(line))),
  );
});
