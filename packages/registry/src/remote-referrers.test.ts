import {
  decodeManifest,
  digestOf,
  encodeIndex,
  encodeManifest,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_MANIFEST,
  referrersTag,
  type Descriptor,
  type ImageIndex,
  type ReferrersAnswer,
} from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { handlerTransport } from "./handler-transport.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openRepository, type RemoteRepository } from "./repository.ts";
import { createRegistryHandler } from "./server.ts";

type Handler = (request: Request) => Promise<Response>;

const EMPTY = new TextEncoder().encode("{}");
const CONFIG: Descriptor = { mediaType: OCI_EMPTY, digest: digestOf(EMPTY), size: EMPTY.length };
const SUBJECT_BYTES = encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: CONFIG, layers: [] });
const SUBJECT: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(SUBJECT_BYTES), size: SUBJECT_BYTES.length };
const TAG = referrersTag(SUBJECT.digest);
const TYPE = "application/vnd.example.a";

/** A referrer whose type is its config's, as that of SOCI indexes is. */
function referrer(name: string, type = TYPE): { readonly bytes: Uint8Array; readonly listed: Descriptor } {
  const bytes = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...CONFIG, mediaType: type },
    layers: [],
    subject: SUBJECT,
    annotations: { name },
  });
  return {
    bytes,
    listed: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length, artifactType: type },
  };
}

const [A, B, C] = ["a", "b", "c"].map((name) => referrer(name)) as [
  ReturnType<typeof referrer>,
  ReturnType<typeof referrer>,
  ReturnType<typeof referrer>,
];
const OTHER = referrer("other", "application/vnd.example.b");
const untyped = ({ listed: { mediaType, digest, size } }: ReturnType<typeof referrer>): Descriptor => ({
  mediaType,
  digest,
  size,
});

const list = (manifests: readonly Descriptor[], headers: Record<string, string> = {}): Response =>
  new Response(encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }).slice(), {
    headers: { "content-type": OCI_INDEX, ...headers },
  });
const FILTERED = { "oci-filters-applied": "artifactType" };

/** A registry that answers for referrers as `api` does, and has some under the tag. */
async function registry(
  api: (artifactType: string | null, url: URL) => Response,
  tagged?: readonly Descriptor[] | Uint8Array,
  options: { readonly deletes?: boolean; readonly maxRetries?: number } = {},
): Promise<{ readonly repository: RemoteRepository; readonly asked: string[] }> {
  const store = createMemoryStore();
  const held = store.repository("a/b");
  const upload = await held.begin();
  await upload.write(EMPTY);
  await upload.commit(CONFIG.digest);
  for (const bytes of [SUBJECT_BYTES, A.bytes, B.bytes, C.bytes, OTHER.bytes])
    await held.pushManifest(bytes, OCI_MANIFEST);
  if (tagged !== undefined) {
    const bytes =
      tagged instanceof Uint8Array
        ? tagged
        : encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: tagged });
    await held.tag(TAG, await held.pushManifest(bytes, tagged instanceof Uint8Array ? OCI_MANIFEST : OCI_INDEX));
  }
  const serve = createRegistryHandler(store);
  const asked: string[] = [];
  const handler: Handler = async (request) => {
    const url = new URL(request.url);
    const path = url.pathname.replace("/v2/a/b/", "") + url.search;
    asked.push(`${request.method} ${path}`);
    if (path.startsWith("referrers/")) return api(url.searchParams.get("artifactType"), url);
    if (request.method === "DELETE" && options.deletes === false) return new Response(null, { status: 405 });
    const response = await serve(request);
    // It says that it takes care of the subject, which registries without the API do not.
    const headers = new Headers(response.headers);
    headers.delete("oci-subject");
    return new Response(response.body, { status: response.status, headers });
  };
  const { maxRetries } = options;
  return {
    repository: openRepository("localhost:5000/a/b", { transport: handlerTransport(handler), maxRetries }),
    asked,
  };
}

async function listed(
  repository: RemoteRepository,
  artifactType?: string,
): Promise<{ readonly found: Descriptor[]; readonly answers: string[] }> {
  const found: Descriptor[] = [];
  const answers: string[] = [];
  const onAnswer = ({ way, outcome, listed, given }: ReferrersAnswer): void =>
    void answers.push(`${way} ${outcome} ${listed} ${given}`);
  const options = artifactType === undefined ? { onAnswer } : { onAnswer, artifactType };
  for await (const descriptor of repository.referrers(SUBJECT.digest, options)) found.push(descriptor);
  return { found, answers };
}

const gone = (): Response => new Response("404 page not found\n", { status: 404 });
const byType =
  (...all: readonly Descriptor[]) =>
  (type: string | null) =>
    type === null
      ? list(all)
      : list(
          all.filter(({ artifactType }) => artifactType === type),
          FILTERED,
        );

describe("referrers() of a registry", () => {
  test.for<
    readonly [
      string,
      (artifactType: string | null) => Response,
      readonly Descriptor[] | undefined,
      readonly ReturnType<typeof referrer>[],
      readonly string[],
    ]
  >([
    ["with the API", byType(A.listed, B.listed, OTHER.listed), undefined, [A, B], ["api listed 2 2", "tag absent 0 0"]],
    ["without the API", gone, [A.listed, OTHER.listed], [A], ["api unsupported 0 0", "tag listed 2 1"]],
    ["without either", gone, undefined, [], ["api unsupported 0 0", "tag absent 0 0"]],
    [
      "with a login page for an API",
      () => new Response("<html>", { headers: { "content-type": "text/html" } }),
      [A.listed],
      [A],
      ["api unsupported 0 0", "tag listed 1 1"],
    ],
    [
      "whose API knows nothing of what is under the tag",
      byType(),
      [A.listed],
      [A],
      ["api listed 0 0", "tag listed 1 1"],
    ],
    [
      "whose API and tag have some each, and one both",
      byType(A.listed, B.listed),
      [B.listed, C.listed],
      [A, B, C],
      ["api listed 2 2", "tag listed 2 1"],
    ],
    [
      "that does not filter",
      () => list([OTHER.listed, A.listed]),
      undefined,
      [A],
      ["api listed 2 1", "tag absent 0 0"],
    ],
    [
      "that says it filters and does not",
      () => list([OTHER.listed, A.listed], FILTERED),
      undefined,
      [A],
      ["api listed 2 1", "tag absent 0 0"],
    ],
    [
      "that filters and leaves the type out",
      (type) => (type === TYPE ? list([untyped(A)], FILTERED) : list([])),
      undefined,
      [A],
      ["api listed 1 1", "tag absent 0 0"],
    ],
    [
      "that filters by a type that it does not see",
      (type) => (type === null ? list([untyped(OTHER), untyped(A)]) : list([], FILTERED)),
      undefined,
      [A],
      ["api listed 0 0", "tag absent 0 0", "api listed 2 0"],
    ],
    [
      "whose tag lists manifests without their types",
      gone,
      [untyped(OTHER), untyped(A), B.listed],
      [B, A],
      ["api unsupported 0 0", "tag listed 3 1"],
    ],
    [
      "whose tag lists one without a type that the API lists with it",
      byType(A.listed),
      [untyped(A)],
      [A],
      ["api listed 1 1", "tag listed 1 0"],
    ],
    [
      "whose list names what is not there",
      gone,
      [{ ...untyped(A), digest: digestOf(EMPTY) }, B.listed],
      [B],
      ["api unsupported 0 0", "tag listed 2 1"],
    ],
  ])("%s", async ([, api, tagged, want, answers]) => {
    const { repository } = await registry(api, tagged);
    const result = await listed(repository, TYPE);
    expect(result.found).toEqual(want.map((item) => item.listed));
    expect(result.answers).toEqual(answers);
  });

  test("is asked for its API once, and says each time that it has none", async () => {
    const { repository, asked } = await registry(gone, [A.listed]);
    const answers = ["api unsupported 0 0", "tag listed 1 1"];
    expect((await listed(repository, TYPE)).answers).toEqual(answers);
    expect((await listed(repository, TYPE)).answers).toEqual(answers);
    expect(asked.filter((path) => path.startsWith("GET referrers/"))).toHaveLength(1);
  });

  test("gives all without a type, and reads no manifest for it", async () => {
    const { repository, asked } = await registry(byType(A.listed, untyped(B)), [OTHER.listed]);
    expect((await listed(repository)).found).toEqual([A.listed, untyped(B), OTHER.listed]);
    expect(asked).toEqual([`GET referrers/${SUBJECT.digest}`, `GET manifests/${TAG}`]);
  });

  test("is left when enough has been found, and asked nothing more", async () => {
    const { repository, asked } = await registry(byType(A.listed), [B.listed]);
    const answers: ReferrersAnswer[] = [];
    const onAnswer = (answer: ReferrersAnswer): void => void answers.push(answer);
    for await (const found of repository.referrers(SUBJECT.digest, { artifactType: TYPE, onAnswer })) {
      expect(found).toEqual(A.listed);
      break;
    }
    const path = `referrers/${SUBJECT.digest}?artifactType=${encodeURIComponent(TYPE)}`;
    expect(asked).toEqual([`GET ${path}`]);
    expect(answers).toEqual([{ way: "api", asked: path, outcome: "listed", listed: 1, given: 1 }]);
  });

  test("gives pages in their order, each filtered", async () => {
    const { repository } = await registry((_, url) =>
      url.searchParams.has("page")
        ? list([OTHER.listed, B.listed])
        : list([A.listed, OTHER.listed], { link: `<${url.pathname}?page=2>; rel="next"` }),
    );
    const { found, answers } = await listed(repository, TYPE);
    expect(found).toEqual([A.listed, B.listed]);
    expect(answers).toEqual(["api listed 4 2", "tag absent 0 0"]);
  });

  test("reads no more than 16 manifests for their types", async () => {
    const { repository, asked } = await registry(
      gone,
      Array.from({ length: 20 }, (_, i) => ({ ...untyped(A), digest: digestOf(Uint8Array.of(i)) })),
    );
    expect((await listed(repository, TYPE)).found).toEqual([]);
    expect(asked.filter((path) => path.startsWith("GET manifests/sha256:"))).toHaveLength(16);
  });

  test("passes over a tag that is no list where it has the API, and fails where it has not", async () => {
    const rubbish = SUBJECT_BYTES;
    const { found, answers } = await listed((await registry(byType(A.listed), rubbish)).repository, TYPE);
    expect(found).toEqual([A.listed]);
    expect(answers).toEqual(["api listed 1 1", "tag unusable 0 0"]);
    await expect(listed((await registry(gone, rubbish)).repository, TYPE)).rejects.toMatchObject({
      code: "ERR_OCI_INVALID_MANIFEST",
    });
  });

  test("passes over an answer of the API that is no list where the tag has some, and fails where it has none", async () => {
    const api = (): Response => new Response("{", { headers: { "content-type": OCI_INDEX } });
    const { found, answers } = await listed((await registry(api, [A.listed])).repository, TYPE);
    expect(found).toEqual([A.listed]);
    expect(answers).toEqual(["api unusable 0 0", "tag listed 1 1"]);
    await expect(listed((await registry(api)).repository, TYPE)).rejects.toMatchObject({
      code: "ERR_OCI_INVALID_MANIFEST",
    });
  });
});

describe("referrers() of a registry whose API answers with an error", () => {
  test.for([
    [401, "ERR_REGISTRY_UNAUTHORIZED"],
    [403, "ERR_REGISTRY_DENIED"],
    [500, "ERR_REGISTRY_STATUS"],
    [502, "ERR_REGISTRY_STATUS"],
  ] as const)("%i gives what is under the tag, and throws it then", async ([status, code]) => {
    const { repository, asked } = await registry(() => new Response("no", { status }), [A.listed, OTHER.listed], {
      maxRetries: 0,
    });
    const found: Descriptor[] = [];
    const answers: string[] = [];
    const onAnswer = ({ way, outcome, listed, given }: ReferrersAnswer): void =>
      void answers.push(`${way} ${outcome} ${listed} ${given}`);
    const reading = (async () => {
      for await (const one of repository.referrers(SUBJECT.digest, { artifactType: TYPE, onAnswer })) found.push(one);
    })();
    await expect(reading).rejects.toMatchObject({ code, status });
    expect(found).toEqual([A.listed]);
    expect(answers).toEqual(["api refused 0 0", "tag listed 2 1"]);
    // Nothing is written because something is broken; where it is not allowed, the tag is what there is.
    const before = asked.length;
    const pushing = repository.pushManifest(referrer("d").bytes, OCI_MANIFEST);
    if (status >= 500) await expect(pushing).rejects.toMatchObject({ code });
    else await pushing;
    const written = asked.slice(before).filter((path) => path.startsWith(`PUT manifests/${TAG}`));
    expect(written).toHaveLength(status >= 500 ? 0 : 1);
  });

  test("throws that, where the tag cannot be read either", async () => {
    const { repository } = await registry(() => new Response("no", { status: 403 }), SUBJECT_BYTES);
    await expect(listed(repository, TYPE)).rejects.toMatchObject({ code: "ERR_REGISTRY_DENIED" });
  });
});

describe("referrers() of a registry whose list does not end", () => {
  const link = (url: URL, query: string): Record<string, string> => ({ link: `<${url.pathname}${query}>; rel="next"` });

  test.for<readonly [string, (url: URL) => Response, number, RegExp]>([
    ["names itself", (url) => list([A.listed], link(url, url.search)), 1, /page 1 names one that came before/],
    [
      "goes back",
      (url) => list([A.listed], link(url, url.searchParams.get("p") === "1" ? "?p=2" : "?p=1")),
      3,
      /page 3 names one that came before/,
    ],
    [
      "has no entries",
      (url) => list([], link(url, `?p=${Number(url.searchParams.get("p") ?? "0") + 1}`)),
      32,
      /32 pages in a row have no entries/,
    ],
  ])("is given up where it %s, and the tag is asked", async ([, api, pages, message]) => {
    const { repository, asked } = await registry((_, url) => api(url), [B.listed]);
    const found: Descriptor[] = [];
    const reading = (async () => {
      for await (const one of repository.referrers(SUBJECT.digest, { artifactType: TYPE })) found.push(one);
    })();
    await expect(reading).rejects.toMatchObject({
      code: "ERR_REGISTRY_TOO_LARGE",
      message: expect.stringMatching(message),
    });
    expect(found).toContainEqual(B.listed);
    expect(asked.filter((path) => path.startsWith("GET referrers/"))).toHaveLength(pages);
  });

  test("is read to its end where only some pages have no entries", async () => {
    const { repository } = await registry((_, url) => {
      const page = Number(url.searchParams.get("p") ?? "0");
      const entries = page === 31 ? [A.listed] : page === 60 ? [B.listed] : [];
      return list(entries, page === 60 ? {} : link(url, `?p=${page + 1}`));
    });
    expect((await listed(repository, TYPE)).found).toEqual([A.listed, B.listed]);
  });
});

describe("the list under a tag", () => {
  test("takes the place of the one before it, which is deleted", async () => {
    const { repository, asked } = await registry(gone, [A.listed]);
    const before = await repository.resolve(TAG);
    const pushed = await repository.pushManifest(referrer("d").bytes, OCI_MANIFEST);
    expect((await listed(repository)).found.map(({ digest }) => digest)).toEqual([A.listed.digest, pushed.digest]);
    expect(asked).toContain(`DELETE manifests/${before.digest}`);
    await expect(repository.resolve(before.digest)).rejects.toMatchObject({ code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
  });

  test.for([401, 403])("gets what is pushed where the API answers %i", async (status) => {
    const { repository } = await registry(() => new Response(null, { status }), [A.listed], { maxRetries: 0 });
    const pushed = await repository.pushManifest(referrer("d").bytes, OCI_MANIFEST);
    const { manifests } = decodeManifest((await repository.fetchManifest(TAG)).bytes) as ImageIndex;
    expect(manifests.map(({ digest }) => digest)).toEqual([A.listed.digest, pushed.digest]);
    await repository.deleteManifest(pushed.digest);
    const after = decodeManifest((await repository.fetchManifest(TAG)).bytes) as ImageIndex;
    expect(after.manifests.map(({ digest }) => digest)).toEqual([A.listed.digest]);
  });

  test("is there all the same where the one before it cannot be deleted", async () => {
    const { repository } = await registry(gone, [A.listed], { deletes: false });
    const pushed = await repository.pushManifest(referrer("d").bytes, OCI_MANIFEST);
    expect((await listed(repository)).found.map(({ digest }) => digest)).toEqual([A.listed.digest, pushed.digest]);
  });

  test("that is empty is not deleted, since it may be another subject's too", async () => {
    const { repository, asked } = await registry(gone, []);
    await repository.pushManifest(referrer("d").bytes, OCI_MANIFEST);
    expect(asked.filter((path) => path.startsWith("DELETE"))).toEqual([]);
  });
});

test.for<[string, number, string, string]>([
  ["405", 405, "", "ERR_REGISTRY_DELETE_UNSUPPORTED"],
  ["405 UNSUPPORTED, as docker-registry does", 405, "UNSUPPORTED", "ERR_REGISTRY_DELETE_UNSUPPORTED"],
  ["400 with the code for it", 400, "UNSUPPORTED", "ERR_REGISTRY_DELETE_UNSUPPORTED"],
  ["400 for something else", 400, "MANIFEST_INVALID", "ERR_REGISTRY_STATUS"],
  ["403", 403, "DENIED", "ERR_REGISTRY_DENIED"],
])("deleteManifest() of a registry that answers %s", async ([, status, code, want]) => {
  const handler: Handler = async (request) => {
    if (request.method !== "DELETE")
      return new Response(SUBJECT_BYTES.slice(), { headers: { "content-type": OCI_MANIFEST } });
    return Response.json({ errors: code === "" ? [] : [{ code, message: "" }] }, { status });
  };
  const repository = openRepository("localhost:5000/a/b", { transport: handlerTransport(handler) });
  await expect(repository.deleteManifest(SUBJECT.digest)).rejects.toMatchObject({
    code: want,
    unsupported: want === "ERR_REGISTRY_DELETE_UNSUPPORTED",
    denied: want === "ERR_REGISTRY_DENIED",
  });
});
