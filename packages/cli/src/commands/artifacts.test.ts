import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  digestOf,
  isNotFound,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  referrersTag,
  type BlobWriter,
  type Descriptor,
  type Digest,
  type ManifestWriter,
} from "@socikit/oci";
import { createMemoryStore, handlerTransport, openRepository, type Store, type Transport } from "@socikit/registry";
import { openLayoutDirectory } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { createSociIndex, encodeSociIndex, sociIndexConfig } from "@socikit/soci-index";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { main } from "../main.ts";
import { noise, pushBlob, pushImage, type TestImage } from "../testing/test-image.ts";
import { testIo, textOutput, type TestIo } from "../testing/test-io.ts";

const PLACE = "registry.test/a/image";
const imageOf = (name: string): TestImage => ({ layers: [[{ name, text: name + noise(20_000) }]] });
const refused = new Response('{"errors":[{"code":"UNSUPPORTED","message":"no"}]}', { status: 405 });

/** As registries of before the referrers API: what refers to an image is in a list under a tag. */
function withoutReferrers(handler: (request: Request) => Promise<Response>): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.url.includes("/referrers/")) return new Response(null, { status: 404 });
    const response = await handler(request);
    response.headers.delete("oci-subject");
    return response;
  };
}

let folder = "";
let store: Store;
let transport: Transport;
/** Indexes: two of an image that is there, of which one is read, and one of an image that is gone. */
let digests: Readonly<Record<"used" | "shadowed" | "orphaned" | "image" | "gone", Digest>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "socikit-artifacts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  store = createMemoryStore();
  transport = handlerTransport(withoutReferrers(createRegistryHandler(store)));
  const repository = store.repository("a/image");
  const [image, old] = [await pushImage(repository, imageOf("1")), await pushImage(repository, imageOf("old"))];
  await repository.tag("1", image);
  // As create does: whose lists are kept by the client.
  const client = openRepository(PLACE, { transport });
  const used = await pushIndex(client, image, 4_194_304);
  const shadowed = await pushIndex(client, image, 65_536);
  const orphaned = await pushIndex(client, old, 4_194_304);
  await repository.deleteManifest(old.digest);
  digests = { used, shadowed, orphaned, image: image.digest, gone: old.digest };
});

async function run(args: readonly string[], change: Partial<TestIo> = {}): Promise<TestIo & { code: number }> {
  const io = testIo({ transport, ...change });
  return { ...io, code: await main(args, io) };
}

/** Pushes a SOCI index whose zTOC is none: nobody reads it. */
async function pushIndex(target: BlobWriter & ManifestWriter, image: Descriptor, spanSize: number): Promise<Digest> {
  const ztoc = await pushBlob(target, new Uint8Array(20_000).fill(spanSize % 251), "application/octet-stream");
  await pushBlob(target, sociIndexConfig(), "application/octet-stream");
  const layer: Descriptor = { mediaType: OCI_LAYER_GZIP, digest: digestOf(new Uint8Array(1)), size: 1 };
  const index = createSociIndex("v1", [{ layer, ztoc, spanSize }], image);
  return (await target.pushManifest(encodeSociIndex(index), OCI_MANIFEST)).digest;
}

async function isThere(name: string): Promise<boolean> {
  try {
    await store.repository("a/image").resolve(name);
    return true;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return false;
  }
}

/** What is typed at a terminal. */
function terminal(answer: string): Partial<TestIo> {
  const stdin = {
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode(answer);
    },
  };
  return { stdin, stdinIsTTY: true, stderr: textOutput({ isTTY: true }), env: { NO_COLOR: "1" } };
}

describe("artifacts list", () => {
  test("is a row for each index and image, with what can be done", async () => {
    const { code, stdout, stderr } = await run(["artifacts", "list", PLACE]);
    expect(code).toBe(0);
    const [header, ...rows] = stdout.text().trimEnd().split("\n");
    expect(header).toMatch(/^DIGEST {69}SIZE +VERSION +STATE +PLATFORM +TAGS +IMAGE *$/);
    const size = String.raw`\d+\.\d kB +v1 +`;
    expect(rows).toEqual([
      expect.stringMatching(new RegExp(`^${digests.used} +${size}used +1 +${digests.image} *$`)),
      expect.stringMatching(new RegExp(`^${digests.shadowed} +${size}shadowed +1 +${digests.image} *$`)),
      expect.stringMatching(new RegExp(`^${digests.orphaned} +${size}orphaned +${digests.gone} \\(gone\\) *$`)),
    ]);
    expect(stderr.text()).toBe(
      `3 SOCI indexes: 1 used, 1 shadowed, 1 orphaned; 2 lists of referrers under fallback tags\n  → socikit artifacts prune ${PLACE} --dry-run\n`,
    );
    const quiet = await run(["artifacts", "ls", PLACE, "-q"]);
    expect([quiet.stderr.text(), quiet.stdout.text()]).toEqual([
      "",
      `${digests.used}\n${digests.shadowed}\n${digests.orphaned}\n`,
    ]);
  });

  test("--json says all of it", async () => {
    const { stdout, stderr } = await run(["artifacts", "list", PLACE, "--json"]);
    expect(stderr.text()).toBe("");
    const { used, shadowed, orphaned, image, gone } = digests;
    expect(JSON.parse(stdout.text())).toMatchObject({
      repository: PLACE,
      artifacts: [
        { digest: used, version: "v1", state: "used", images: [{ digest: image, exists: true, tags: ["1"] }] },
        { digest: shadowed, state: "shadowed", shadowed_by: used, lists: [referrersTag(image)] },
        { digest: orphaned, state: "orphaned", images: [{ digest: gone, exists: false, tags: [] }], in_index: false },
      ],
      lists: [
        { subject: image, subject_exists: true, entries: [used, shadowed] },
        { subject: gone, subject_exists: false, entries: [orphaned] },
      ].toSorted((a, b) => (a.subject < b.subject ? -1 : 1)),
      unread: [],
    });
  });

  test("names the platform and index of a converted image, shown in an archive too", async () => {
    const archive = `oci-archive:${join(folder, "converted.tar")}`;
    await run(["convert", `${PLACE}:1`, archive, "--min-layer-size", "0", "-q"]);
    const { stdout, stderr } = await run(["artifacts", "list", archive]);
    expect(stdout.text()).toMatch(/ v2 +used +linux\/amd64 +1 +sha256:[0-9a-f]{64} *\n$/);
    expect(stderr.text()).toBe("1 SOCI index: 1 used\n");
    const prune = await run(["artifacts", "prune", archive, "--yes"]);
    expect([prune.code, prune.stderr.text()]).toEqual([2, expect.stringMatching(/from an archive\n.*oci-layout:DIR/)]);
  });

  test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
    [[`${PLACE}:1`], 2, /names an image.*\n.*did you mean: registry\.test\/a\/image\n/, "an image"],
    [["registry.test/none"], 3, /registry\.test\/none/, "a repository that is not there"],
    [[PLACE, "--subject", "latest"], 2, /"latest" is not a digest/, "a subject that is no digest"],
    [["oci-layout:/nowhere"], 3, /directory is not there/, "a layout that is not there"],
  ])("%j ends with %s: %s", async ([args, code, error]) => {
    const result = await run(["artifacts", "list", ...args]);
    expect([result.code, result.stdout.text(), result.stderr.text()]).toEqual([code, "", expect.stringMatching(error)]);
  });
});

describe("artifacts prune", () => {
  const prune = (...args: readonly string[]): readonly string[] => ["artifacts", "prune", PLACE, ...args];

  test("asks for nothing and deletes nothing where nobody can be asked", async () => {
    const { code, stdout, stderr } = await run(prune("--shadowed"), {
      openTransport: async () => {
        throw new Error("not to be opened");
      },
    });
    expect([code, stdout.text()]).toEqual([2, ""]);
    expect(stderr.text()).toMatch(
      /^socikit: Cannot prune registry\.test\/a\/image: there is no terminal to ask at\n.* --shadowed --dry-run; then.* --shadowed --yes\n$/,
    );
  });

  test("--dry-run says what and why, with digests and sizes, and deletes nothing", async () => {
    const { code, stdout, stderr } = await run(prune("--dry-run", "--shadowed"));
    expect(code).toBe(0);
    const [listOfImage, listOfGone] = [digests.image, digests.gone].map((digest) => referrersTag(digest));
    const facts = String.raw`\(sha256:[0-9a-f]{64}, \d+(?:\.\d k| )B\)`;
    expect(stdout.text().trimEnd().split("\n")).toEqual([
      expect.stringMatching(
        new RegExp(
          `^take ${digests.shadowed} out of the list of referrers under ${listOfImage}: another index is read in its place ${facts}$`,
        ),
      ),
      expect.stringMatching(
        new RegExp(`^delete the list of referrers under ${listOfGone}: the image that it belongs to is gone ${facts}$`),
      ),
      expect.stringMatching(
        new RegExp(`^delete the SOCI index ${digests.shadowed} of ${digests.image}: .* \\(\\d+\\.\\d kB\\)$`),
      ),
      expect.stringMatching(
        new RegExp(`^delete the SOCI index ${digests.orphaned} of ${digests.gone}: the image .* is gone \\(.* kB\\)$`),
      ),
    ]);
    expect(stderr.text()).toMatch(/^4 steps, \d+\.\d kB at most; nothing deleted \(--dry-run\)\n$/);
    expect(await isThere(digests.orphaned)).toBe(true);
    const quiet = await run(prune("--dry-run", "-q"));
    expect([quiet.stderr.text(), quiet.stdout.text().trimEnd().split("\n")]).toEqual([
      "",
      [expect.stringMatching(/^sha256:/), digests.orphaned],
    ]);
  });

  test("--yes deletes, the list under the fallback tag too, and says so; then there is nothing left", async () => {
    const { code, stdout, stderr } = await run(prune("--yes"));
    expect([code, stderr.text()]).toEqual([0, expect.stringMatching(/^2 of 2 steps done, \d+\.\d kB at most/)]);
    expect(stdout.text()).toMatch(
      /^done: delete the list of referrers under sha256-.*\ndone: delete the SOCI index sha256:.*\n$/,
    );
    const there = [digests.orphaned, referrersTag(digests.gone), digests.used, digests.shadowed].map(isThere);
    expect(await Promise.all(there)).toEqual([false, false, true, true]);
    const again = await run(prune("--yes"));
    expect([again.code, again.stdout.text(), again.stderr.text()]).toEqual([0, "", `Nothing to prune in ${PLACE}\n`]);
    const json = await run(prune("--yes", "--json"));
    expect(JSON.parse(json.stdout.text())).toEqual({
      repository: PLACE,
      dry_run: false,
      steps: [],
      kept: [],
      unread: [],
      bytes: 0,
    });
  });

  test("--json has the steps, with what became of each", async () => {
    const steps = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await run(prune("--json", ...args))).stdout.text());
    const { orphaned, gone } = digests;
    const list = { action: "delete-list", reason: "subject-gone", tags: [referrersTag(gone)] };
    const index = { action: "delete-index", digest: orphaned, subject: gone, size: expect.any(Number) as number };
    expect(await steps("--dry-run")).toMatchObject({ dry_run: true, steps: [list, index] });
    expect(await steps("--yes")).toMatchObject({
      dry_run: false,
      steps: [
        { ...list, outcome: "done" },
        { ...index, outcome: "done" },
      ],
      bytes: expect.any(Number) as number,
    });
  });

  test("asks at a terminal, having said what", async () => {
    const no = await run(prune(), terminal("\n"));
    expect([no.code, no.stdout.text()]).toEqual([1, ""]);
    expect(no.stderr.text()).toMatch(
      /delete the SOCI index sha256:.*\nTake these 2 steps in registry\.test\/a\/image, \d+\.\d kB at most\? \[y\/N\] Nothing deleted\n$/,
    );
    expect(await isThere(digests.orphaned)).toBe(true);
    const yes = await run(prune(), terminal("y\n"));
    expect([yes.code, yes.stdout.text().match(/^done: /gm)?.length]).toEqual([0, 2]);
    expect(await isThere(digests.orphaned)).toBe(false);
  });

  test("keeps what has a tag, and says so, unless --tagged", async () => {
    const repository = store.repository("a/image");
    await repository.tag("precious", await repository.resolve(digests.orphaned));
    const kept = await run(prune("--yes"));
    expect([kept.stdout.text(), kept.stderr.text()]).toEqual([
      "",
      `${digests.orphaned} is of no use and stays: it has the tag precious; --tagged deletes it all the same\nNothing to prune in ${PLACE}\n`,
    ]);
    const quiet = await run(prune("--yes", "--tagged", "-q"));
    expect(quiet.stdout.text()).toContain(`${digests.orphaned}\n`);
    expect(await isThere("precious")).toBe(false);
  });

  test("of a registry that takes no deletions says so, with what to do", async () => {
    const handler = withoutReferrers(createRegistryHandler(store));
    const keeping = handlerTransport(async (request) =>
      request.method === "DELETE" ? refused.clone() : handler(request),
    );
    const made = await run(prune("--yes"), { openTransport: async () => keeping });
    expect(made.code).toBe(4);
    expect(made.stdout.text()).toMatch(
      /^unsupported: delete the list of referrers .*\nskipped: delete the SOCI index /,
    );
    expect(made.stderr.text()).toMatch(
      /^0 of 2 steps done.*\nsocikit: Cannot prune repository: it takes no deletions: .*\n  → this registry takes no deletions this way: allow them in its settings/,
    );
    const json = await run(prune("--yes", "--json", "-q"), { openTransport: async () => keeping });
    expect([json.code, JSON.parse(json.stdout.text())]).toEqual([
      4,
      expect.objectContaining({
        bytes: 0,
        steps: [expect.objectContaining({ outcome: "unsupported" }), expect.anything()],
      }),
    ]);
  });

  test("finds what only the image leads to that was deleted, where it is named: in a registry with the API, in a layout", async () => {
    const api = handlerTransport(createRegistryHandler(store));
    const layout = await openLayoutDirectory(join(folder, "layout"), { create: true });
    const place = `oci-layout:${layout.directory}`;
    await pushIndex(layout, await pushImage(layout, imageOf("old")), 4_194_304);
    await layout.deleteManifest(digests.gone);
    const repository = store.repository("a/image");
    await repository.untag(referrersTag(digests.gone));
    for (const [where, change] of [
      [PLACE, { openTransport: async () => api }],
      [place, {}],
    ] as const) {
      const args = ["artifacts", "prune", where, "--yes", "-q"];
      expect((await run(args, change)).stdout.text()).toBe("");
      const found = await run([...args, "--subject", digests.gone], change);
      expect([found.code, found.stderr.text(), found.stdout.text()]).toEqual([0, "", `${digests.orphaned}\n`]);
    }
    expect(await isThere(digests.orphaned)).toBe(false);
  });
});
