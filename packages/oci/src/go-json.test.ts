import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { encodeGoJson, encodeIndex, encodeManifest, type GoJson } from "./go-json.ts";
import { decodeGoJson, foldName, JsonFraction } from "./go-json-decode.ts";
import { decodeManifest, isImageIndex } from "./manifest.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (json: string): Uint8Array => new TextEncoder().encode(json);
const latin1 = (json: string): Uint8Array => Uint8Array.from(json, (c) => c.charCodeAt(0));

// What Go's json.Marshal writes: spec section 8.1.
test.for([
  ["HTML's three", "<a>&", String.raw`"\u003ca\u003e\u0026"`],
  ["the two separators", "\u2028\u2029", String.raw`"\u2028\u2029"`],
  ["short escapes", '\b\f\n\r\t"\\', String.raw`"\b\f\n\r\t\"\\"`],
  ["other control characters", "\u0000\u000b\u001f", String.raw`"\u0000\u000b\u001f"`],
  ["a slash, DEL and what follows as they are", "/\u007f\u0080é🐦", '"/\u007f\u0080é🐦"'],
  ["half a surrogate pair", "a\ud800b\udc00", '"a\ufffdb\ufffd"'],
  ["members that are absent", { a: undefined, b: 1 }, '{"b":1}'],
  [
    "an order that objects would not keep",
    new Map([
      ["b", 1],
      ["10", 2],
    ] as const),
    '{"b":1,"10":2}',
  ],
  [
    "lists, numbers and words",
    [0, -1, 9007199254740991, true, false, null, [], {}],
    "[0,-1,9007199254740991,true,false,null,[],{}]",
  ],
] as const)("encodeGoJson() of %s", ([, value, want]) => {
  expect(text(encodeGoJson(value as GoJson))).toBe(want);
});

test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("encodeGoJson() refuses %s", (number) => {
  expect(() => encodeGoJson([number])).toThrow(TypeError);
});

test("encodeManifest() and encodeIndex() write Go's members in Go's order", () => {
  const digest = digestOf(new Uint8Array());
  const descriptor = {
    artifactType: "t",
    platform: { variant: "v8", "os.features": ["f"], "os.version": "1", os: "linux", architecture: "arm64" },
    data: "e30=",
    annotations: { b: "2", a: "<1>", "10": "", "\ud83d\udc26": "", "\uff5e": "" },
    urls: ["u"],
    size: 0,
    digest,
    mediaType: "m",
  };
  const written =
    `{"mediaType":"m","digest":"${digest}","size":0,"urls":["u"],` +
    String.raw`"annotations":{"10":"","a":"\u003c1\u003e","b":"2","～":"","🐦":""},"data":"e30=",` +
    `"platform":{"architecture":"arm64","os":"linux","os.version":"1","os.features":["f"],"variant":"v8"},"artifactType":"t"}`;
  const common = {
    annotations: { k: "v" },
    subject: descriptor,
    artifactType: "t",
    mediaType: "m",
    schemaVersion: 2,
  } as const;
  expect(text(encodeManifest({ ...common, layers: [descriptor], config: descriptor }))).toBe(
    `{"schemaVersion":2,"mediaType":"m","artifactType":"t","config":${written},"layers":[${written}],"subject":${written},"annotations":{"k":"v"}}`,
  );
  expect(text(encodeIndex({ ...common, manifests: [descriptor] }))).toBe(
    `{"schemaVersion":2,"mediaType":"m","artifactType":"t","manifests":[${written}],"subject":${written},"annotations":{"k":"v"}}`,
  );
});

test("encodeManifest() drops what is empty and always writes what Go always writes", () => {
  const empty = { mediaType: "", digest: digestOf(new Uint8Array()), size: 0, urls: [], annotations: {}, data: "" };
  const manifest = {
    schemaVersion: 2,
    mediaType: "",
    config: { ...empty, platform: { architecture: "", os: "", variant: "" } },
    layers: [],
  } as const;
  expect(text(encodeManifest(manifest))).toBe(
    `{"schemaVersion":2,"config":{"mediaType":"","digest":"${empty.digest}","size":0,"platform":{"architecture":"","os":""}},"layers":[]}`,
  );
});

test("decodeManifest(encode(manifest)) is the manifest", () => {
  const word = fc.string({ unit: "binary", minLength: 1, maxLength: 6 });
  const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 });
  const digest = fc.constantFrom(digestOf(bytes("a")), digestOf(bytes("b"), "sha512"));
  const annotations = fc.dictionary(word, fc.string({ unit: "binary", maxLength: 6 }), {
    minKeys: 1,
    maxKeys: 4,
    noNullPrototype: false,
  });
  const platform = fc.record(
    { architecture: word, os: word, variant: word, "os.version": word, "os.features": some(word) },
    { requiredKeys: ["architecture", "os"] },
  );
  const descriptor = fc.record(
    {
      mediaType: word,
      digest,
      size: fc.maxSafeNat(),
      annotations,
      artifactType: word,
      platform,
      urls: some(word),
      data: word,
    },
    { requiredKeys: ["mediaType", "digest", "size"] },
  );
  const common = { mediaType: word, artifactType: word, subject: descriptor, annotations };
  const manifest = fc.record(
    {
      schemaVersion: fc.constant(2 as const),
      config: descriptor,
      layers: fc.array(descriptor, { maxLength: 3 }),
      ...common,
    },
    { requiredKeys: ["schemaVersion", "config", "layers"] },
  );
  const index = fc.record(
    { schemaVersion: fc.constant(2 as const), manifests: fc.array(descriptor, { maxLength: 3 }), ...common },
    { requiredKeys: ["schemaVersion", "manifests"] },
  );
  fc.assert(
    fc.property(fc.oneof(manifest, index), (document) => {
      const encoded = isImageIndex(document) ? encodeIndex(document) : encodeManifest(document);
      const decoded = decodeManifest(encoded);
      expect(decoded).toEqual(document);
      expect(isImageIndex(decoded) ? encodeIndex(decoded) : encodeManifest(decoded)).toEqual(encoded);
    }),
    { numRuns: 40 },
  );
});

// Where a row's two texts are the same value to some other reader, Go and this decoder refuse it.
test.for([
  ["white space around", " \t\r\n{} \n", new Map()],
  ["numbers", "[0,-0,12,-7,9007199254740993]", [0, 0, 12, -7, 9007199254740992]],
  ["a key that objects have", '{"__proto__":1}', new Map([["__proto__", 1]])],
  ["escapes", String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83d\udc26"`, '"\\/\b\f\n\r\té🐦'],
  ["half a surrogate pair", String.raw`"\ud83d.\udc26"`, "\ufffd.\ufffd"],
] as const)("decodeGoJson() of %s", ([, json, want]) => {
  expect(decodeGoJson(bytes(json))).toEqual(want);
});

test("decodeGoJson() puts one U+FFFD for each byte that is not UTF-8", () => {
  expect(decodeGoJson(latin1('["\u00e2\u0082","\u00ed\u00a0\u0080","\u00c3\u00a9\u00ff"]'))).toEqual([
    "\ufffd\ufffd",
    "\ufffd\ufffd\ufffd",
    "é\ufffd",
  ]);
});

test("decodeGoJson() tells numbers that are not written as integers", () => {
  expect(decodeGoJson(bytes("[1.0,1e3,-2E-1]"))).toEqual(
    ["1.0", "1e3", "-2E-1"].map((number) => new JsonFraction(number)),
  );
});

test.for([
  ["nothing", "", /ends early/],
  ["a byte order mark", "\ufeff{}", /out of place at character 0/],
  ["a second value", "{} {}", /"{" is out of place at character 3/],
  ["a member twice", '{"a":1,"b":2,"a":3}', /"a" twice/],
  ["a member twice, escaped", String.raw`{"a":1,"\u0061":3}`, /"a" twice/],
  ["a comma at the end", "[1,]", /out of place at character 3/],
  ["a member without a value", '{"a"}', /out of place at character 4/],
  ["single quotes", "{'a':1}", /out of place at character 1/],
  ["an open string", '"abc', /ends early at character 4/],
  ["a line break in a string", '"a\nb"', /out of place at character 2/],
  ["an escape that JSON lacks", String.raw`"\x41"`, /unknown escape/],
  ["an escape at the end", '"\\', /ends early/],
  ["a leading zero", "01", /out of place at character 1/],
  ["a plus sign", "+1", /out of place at character 0/],
  ["a word cut short", "[tru]", /out of place at character 1/],
  ["a comment", "{} // x", /out of place/],
] as const)("decodeGoJson() refuses %s", ([, json, message]) => {
  expect(() => decodeGoJson(bytes(json))).toThrow(message);
});

test("decodeGoJson() takes 100 levels and no more", () => {
  const nested = (levels: number): Uint8Array => bytes("[".repeat(levels) + "]".repeat(levels));
  expect(decodeGoJson(nested(101))).toBeInstanceOf(Array);
  expect(() => decodeGoJson(nested(102))).toThrow(/over 100 deep/);
  expect(() => decodeGoJson(nested(2_000_000))).toThrow(/over 100 deep/);
});

test("decodeGoJson() takes a string of megabytes", () => {
  expect(decodeGoJson(bytes(`"${"ab\\n".repeat(1_000_000)}"`))).toHaveLength(3_000_000);
});

test("decodeGoJson() agrees with JSON.parse wherever both take the text", () => {
  const plain = (value: unknown): unknown => {
    if (value instanceof JsonFraction) return Number(value.text);
    if (value instanceof Map) return Object.fromEntries([...value].map(([name, member]) => [name, plain(member)]));
    return Array.isArray(value) ? value.map(plain) : value;
  };
  const scraps = fc
    .array(fc.constantFrom(...'{}[],:"\\ue1-0.+ \n'.split(""), "true", "null", '"a"', "12"), { maxLength: 12 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.json(), scraps), (json) => {
      const here = attempt(() => plain(decodeGoJson(bytes(json))));
      const there = attempt(() => JSON.parse(json) as unknown);
      if (here.error !== undefined) expect(here.error).toBeInstanceOf(SyntaxError);
      if (here.error !== undefined && /twice/.test(here.error.message)) return;
      expect(here.error === undefined).toBe(there.error === undefined);
      // JSON has a -0, Go's integers have not.
      if (here.error === undefined) expect(JSON.stringify(here.value)).toBe(JSON.stringify(there.value));
    }),
    { numRuns: 1000 },
  );
});

test("foldName() folds what Go folds", () => {
  expect(["MediaType", "mediaType", "la\u0079ers", "layer\u017f", "\u212aey", "é", "É"].map(foldName)).toEqual([
    "mediatype",
    "mediatype",
    "layers",
    "layers",
    "key",
    "é",
    "É",
  ]);
});

function attempt(run: () => unknown): { value?: unknown; error?: Error } {
  try {
    return { value: run() };
  } catch (error) {
    return { error: error as Error };
  }
}
