import {
  digestOf,
  encodeIndex,
  encodeManifest,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  referrersTag,
  type Descriptor,
  type Digest,
  type Platform,
} from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SOCI_INDEX_DIGEST, SOCI_MANIFEST_DIGEST } from "../annotations.ts";
import { SOCI_INDEX_V1, SOCI_INDEX_V2 } from "../media-types.ts";
import { createSociIndex, encodeSociIndex } from "../soci-index.ts";
import { MemoryRepository } from "../testing/memory-repository.ts";
import { executePrune, type PruneEvent, type PruneResult } from "./execute-prune.ts";
import { describePruneStep, planPrune, type PruneOptions, type PrunePlan } from "./plan-prune.ts";
import type { RepositorySurvey } from "./repository-survey.ts";
import { surveyRepository } from "./survey-repository.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };
const UNKNOWN: Platform = { os: "unknown", architecture: "unknown" };

function imageBytes(name: string, annotations?: Record<string, string>): Uint8Array {
  const blob = (what: string, mediaType: string): Descriptor => {
    const bytes = bytesOf(`${name} ${what}`);
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  return encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: blob("config", OCI_CONFIG),
    layers: [blob("layer", OCI_LAYER_GZIP)],
    ...(annotations === undefined ? {} : { annotations }),
  });
}

const ZTOC = { layer: { mediaType: OCI_LAYER_GZIP, digest: digestOf(bytesOf("l")), size: 7 }, spanSize: 4194304 };

/** A repository that is filled by name. */
class Fixture {
  readonly repository: MemoryRepository;

  constructor(kind: "api" | "tags") {
    this.repository = new MemoryRepository(kind);
  }

  async image(tag: string | undefined, name: string = tag ?? "", annotations?: Record<string, string>) {
    const pushed = await this.repository.pushManifest(imageBytes(name, annotations), OCI_MANIFEST);
    if (tag !== undefined) await this.repository.tag(tag, pushed);
    return pushed;
  }

  async index(tag: string, children: readonly Descriptor[]) {
    const bytes = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: children });
    const pushed = await this.repository.pushManifest(bytes, OCI_INDEX);
    await this.repository.tag(tag, pushed);
    return pushed;
  }

  v1(subject: Descriptor, tool = "x") {
    const ztoc = { digest: digestOf(bytesOf(tool)), size: 100 };
    const index = createSociIndex("v1", [{ ...ZTOC, ztoc }], subject, { buildToolIdentifier: tool });
    return this.repository.pushManifest(encodeSociIndex(index), OCI_MANIFEST);
  }

  v2(tool = "x") {
    const ztoc = { digest: digestOf(bytesOf(tool)), size: 100 };
    const index = createSociIndex("v2", [{ ...ZTOC, ztoc }], undefined, { buildToolIdentifier: tool });
    return this.repository.pushManifest(encodeSociIndex(index), OCI_MANIFEST);
  }
}

/** What a survey says of each artifact, shortly. */
function shown({ artifacts }: RepositorySurvey): unknown[] {
  return artifacts.map(({ version, descriptor, state, images }) => [
    version,
    state,
    descriptor.digest,
    images.map(({ digest, tags }) => [digest, ...tags]),
  ]);
}

describe.each(["api", "tags"] as const)("a repository with referrers by %s", (kind) => {
  test("surveyRepository() lists v1 and v2 indexes with their images", async () => {
    const fixture = new Fixture(kind);
    const single = await fixture.image("single");
    const v1 = await fixture.v1(single);
    const second = await fixture.v1(single, "second");
    const v2 = await fixture.v2();
    const converted = await fixture.image(undefined, "converted", { [SOCI_INDEX_DIGEST]: v2.digest });
    const arm = await fixture.image(undefined, "arm");
    const armV1 = await fixture.v1(arm);
    const attestation = await fixture.image(undefined, "attestation");
    await fixture.index("multi", [
      { ...converted, platform: AMD64 },
      { ...arm, platform: ARM64 },
      { ...attestation, platform: UNKNOWN },
      {
        ...v2,
        artifactType: SOCI_INDEX_V2,
        platform: AMD64,
        annotations: { [SOCI_MANIFEST_DIGEST]: converted.digest },
      },
    ]);
    await fixture.repository.tag("latest", arm);
    const { repository } = fixture;
    repository.asked.length = 0;
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([
      ["v1", "used", armV1.digest, [[arm.digest, "latest", "multi"]]],
      ["v2", "used", v2.digest, [[converted.digest, "multi"]]],
      ["v1", "used", v1.digest, [[single.digest, "single"]]],
      ["v1", "shadowed", second.digest, [[single.digest, "single"]]],
    ]);
    expect(survey.artifacts[1]).toMatchObject({ inIndex: true, tags: [], lists: [], blobBytes: 100 });
    expect(survey.artifacts[1]!.images[0]!.platform).toEqual(AMD64);
    expect(survey.artifacts[3]).toMatchObject({ shadowedBy: v1.digest, inIndex: false });
    expect(survey.artifacts[2]!.lists).toEqual(kind === "api" ? [] : [referrersTag(single.digest)]);
    expect(
      survey.lists
        .map(({ tag, subject, subjectExists, entries }) => [tag, subject, subjectExists, entries.length])
        .sort(),
    ).toEqual(
      kind === "api"
        ? []
        : [
            [referrersTag(single.digest), single.digest, true, 2],
            [referrersTag(arm.digest), arm.digest, true, 1],
          ].sort(),
    );
    expect(survey.unread).toEqual([]);
    expect(planPrune(survey)).toEqual({ v: 1, steps: [], kept: [] });
    // Attestations are not asked about; without the API, nor is what no tag lists.
    expect(repository.asked).not.toContain(`referrers ${attestation.digest}`);
    const asked = repository.asked.filter((what) => what.startsWith("referrers ")).length;
    expect(asked).toBeLessThanOrEqual(kind === "api" ? 5 : 6);
  });

  test("executePrune() deletes the index of an image that is gone, and what lists it, and nothing else", async () => {
    const fixture = new Fixture(kind);
    const { repository } = fixture;
    const kept = await fixture.image("kept");
    const keptV1 = await fixture.v1(kept);
    const old = await fixture.image("old");
    const oldV1 = await fixture.v1(old);
    repository.drop(old.digest);
    const survey = await surveyRepository(repository, { subjects: [old.digest] });
    expect(shown(survey)).toEqual([
      ["v1", "used", keptV1.digest, [[kept.digest, "kept"]]],
      ["v1", "orphaned", oldV1.digest, [[old.digest]]],
    ]);
    const plan = planPrune(survey);
    expect(plan.steps.map(describePruneStep)).toEqual([
      ...(kind === "api"
        ? []
        : [`delete the list of referrers under ${referrersTag(old.digest)}: the image that it belongs to is gone`]),
      `delete the SOCI index ${oldV1.digest} of ${old.digest}: the image that it belongs to is gone`,
    ]);
    const before = new Set(repository.manifests.keys());
    repository.asked.length = 0;
    const events: PruneEvent[] = [];
    const result = await executePrune(repository, plan, { onEvent: (event) => events.push(event) });
    expect(result).toEqual({
      steps: plan.steps.map((step) => ({ step, outcome: "done" })),
      bytes: oldV1.size + 100,
    });
    expect(events.map(({ type, outcome }) => [type, outcome])).toEqual(plan.steps.map(() => ["prune-step", "done"]));
    const gone = [...before].filter((digest) => !repository.manifests.has(digest));
    expect(gone).toContain(oldV1.digest);
    expect(gone).toHaveLength(kind === "api" ? 1 : 2);
    expect(repository.tagged.has(referrersTag(old.digest))).toBe(false);
    // Lists first.
    expect(repository.changes.at(-1)).toBe(`delete ${oldV1.digest}`);
    expect(planPrune(await surveyRepository(repository, { subjects: [old.digest] })).steps).toEqual([]);
    // A second time there is nothing left.
    const again = await executePrune(repository, plan);
    expect(again.steps.map(({ outcome }) => outcome)).toEqual(plan.steps.map(() => "gone"));
    expect(again.bytes).toBe(0);
  });

  test("planPrune() takes indexes in whose place another is read where it is told to", async () => {
    const fixture = new Fixture(kind);
    const { repository } = fixture;
    const image = await fixture.image("image");
    const first = await fixture.v1(image);
    const second = await fixture.v1(image, "second");
    const survey = await surveyRepository(repository);
    expect(planPrune(survey).steps).toEqual([]);
    const plan = planPrune(survey, { shadowed: true });
    const result = await executePrune(repository, plan);
    expect(result.steps.map(({ step, outcome }) => [step.action, step.reason, outcome])).toEqual([
      ...(kind === "api" ? [] : [["update-list", "shadowed", "done"]]),
      ["delete-index", "shadowed", "done"],
    ]);
    expect(repository.manifests.has(second.digest)).toBe(false);
    const found: Digest[] = [];
    for await (const { digest } of repository.referrers(image.digest, { artifactType: SOCI_INDEX_V1 }))
      found.push(digest);
    expect(found).toEqual([first.digest]);
  });

  test("executePrune() keeps the last index of an image when the one that was read in its place is deleted meanwhile", async () => {
    const fixture = new Fixture(kind);
    const { repository } = fixture;
    const image = await fixture.image("image");
    const first = await fixture.v1(image);
    const second = await fixture.v1(image, "second");
    const plan = planPrune(await surveyRepository(repository), { shadowed: true });
    repository.drop(first.digest);
    const { steps } = await executePrune(repository, plan);
    expect(steps.map(({ outcome }) => outcome)).toEqual(kind === "api" ? ["changed"] : ["changed", "skipped"]);
    expect(repository.manifests.has(second.digest)).toBe(true);
    expect(repository.changes.filter((what) => what.startsWith("delete"))).toEqual([]);
  });

  test("executePrune() keeps an index when the one that was read in its place is not listed any more", async () => {
    const fixture = new Fixture(kind);
    const { repository } = fixture;
    const image = await fixture.image("image");
    await fixture.v1(image);
    const second = await fixture.v1(image, "second");
    const plan = planPrune(await surveyRepository(repository), { shadowed: true });
    repository.referrers = async function* () {
      yield { ...second, artifactType: SOCI_INDEX_V1 };
    };
    const { steps } = await executePrune(repository, plan);
    expect(steps.at(-1)).toMatchObject({
      outcome: "changed",
      message: expect.stringMatching(/is not listed for sha256:/),
    });
    expect(repository.manifests.has(second.digest)).toBe(true);
  });

  test("executePrune() leaves an image's index when the image is there again", async () => {
    const fixture = new Fixture(kind);
    const { repository } = fixture;
    const image = await fixture.image("image");
    const index = await fixture.v1(image);
    repository.drop(image.digest);
    const plan = planPrune(await surveyRepository(repository, { subjects: [image.digest] }));
    await fixture.image("image");
    const { steps, bytes } = await executePrune(repository, plan);
    expect(steps.map(({ outcome }) => outcome)).toEqual(kind === "api" ? ["changed"] : ["changed", "skipped"]);
    expect(steps[0]!.message).toBe(`${image.digest} is there again`);
    expect([repository.manifests.has(index.digest), bytes]).toEqual([true, 0]);
  });

  test.for([
    [
      "none",
      "unsupported",
      "ERR_SOCI_DELETE_UNSUPPORTED",
      /^Cannot prune repository: it takes no deletions: the registry answers 405$/,
    ],
    [
      "denied",
      "denied",
      "ERR_SOCI_DELETE_DENIED",
      /^Cannot prune repository: it does not let you: the registry answers 403$/,
    ],
  ] as const)(
    "executePrune() says that deletions are refused (%s), and does not go on",
    async ([deletions, outcome, code, message]) => {
      const fixture = new Fixture(kind);
      const { repository } = fixture;
      for (const name of ["a", "b"]) {
        const image = await fixture.image(undefined, name);
        await fixture.v1(image, name);
        repository.drop(image.digest);
      }
      const subjects = ["a", "b"].map((name) => digestOf(imageBytes(name)));
      const plan = planPrune(await surveyRepository(repository, { subjects }));
      repository.deletions = deletions;
      const { steps, refusal } = await executePrune(repository, plan);
      expect(steps.map((step) => step.outcome)).toEqual([outcome, ...plan.steps.slice(1).map(() => "skipped")]);
      expect(refusal).toMatchObject({ name: "SociIndexError", code, message: expect.stringMatching(message) });
      expect(refusal?.cause).toBeInstanceOf(Error);
    },
  );
});

describe("fallback lists", () => {
  const other = (name: string): Descriptor => ({
    mediaType: OCI_MANIFEST,
    digest: digestOf(bytesOf(name)),
    size: 5,
    artifactType: "application/vnd.example.signature",
  });

  test("keep what is not SOCI's, though their image is gone", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const image = await fixture.image("image");
    const index = await fixture.v1(image);
    const tag = referrersTag(image.digest);
    const list = repository.putList(image.digest, [other("s"), ...repository.listUnder(tag)]);
    repository.drop(image.digest);
    const plan = planPrune(await surveyRepository(repository));
    expect(plan.steps.map(({ action, reason }) => [action, reason])).toEqual([
      ["update-list", "subject-gone"],
      ["delete-index", "subject-gone"],
    ]);
    expect(describePruneStep(plan.steps[0]!)).toBe(
      `take ${index.digest} out of the list of referrers under ${tag}: the image that it belongs to is gone`,
    );
    await executePrune(repository, plan);
    expect(repository.listUnder(tag)).toEqual([other("s")]);
    // The list that it took the place of is gone.
    expect([repository.manifests.has(list), repository.manifests.has(index.digest)]).toEqual([false, false]);
  });

  test("lose entries that name nothing, and go when nothing is left", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const [a, b, c] = [await fixture.image("a"), await fixture.image("b"), await fixture.image("c")];
    const [lost, kept] = [await fixture.v1(a, "1"), await fixture.v1(a, "2")];
    const alone = await fixture.v1(b);
    repository.drop(lost.digest);
    repository.drop(alone.digest);
    repository.putList(c.digest, []);
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([
      ["v1", "missing", lost.digest, [[a.digest, "a"]]],
      ["v1", "used", kept.digest, [[a.digest, "a"]]],
      ["v1", "missing", alone.digest, [[b.digest, "b"]]],
    ]);
    const plan = planPrune(survey);
    expect(plan.steps.map(({ action, reason }) => [action, reason])).toEqual([
      ["update-list", "dangling"],
      ["delete-list", "empty"],
      ["delete-list", "empty"],
    ]);
    // One comes back before the plan is carried out.
    await repository.pushManifest(
      encodeSociIndex(createSociIndex("v1", [], b, { buildToolIdentifier: "unrelated" })),
      OCI_MANIFEST,
    );
    const { steps } = await executePrune(repository, plan);
    expect(steps.map(({ step, outcome }) => [step.action, outcome]).sort()).toEqual([
      ["delete-list", "changed"],
      ["delete-list", "done"],
      ["update-list", "done"],
    ]);
    expect(repository.listUnder(referrersTag(a.digest)).map(({ digest }) => digest)).toEqual([kept.digest]);
    expect(repository.tagged.has(referrersTag(c.digest))).toBe(false);
    expect(repository.listUnder(referrersTag(b.digest))).toHaveLength(2);
  });

  test("are untagged one by one where their manifest has another tag, which not every registry does", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const images = [await fixture.image("a"), await fixture.image("b")];
    for (const { digest } of images) repository.putList(digest, []);
    const list = [...repository.tagged.values()].at(-1)!;
    repository.tagged.set("someone-elses", list);
    const plan = planPrune(await surveyRepository(repository));
    expect(plan.steps).toMatchObject([
      { action: "delete-list", whole: false, tags: images.map(({ digest }) => referrersTag(digest)).sort() },
    ]);
    repository.deletions = "of-manifests";
    const refused = await executePrune(repository, plan);
    expect(refused.steps.map(({ outcome }) => outcome)).toEqual(["unsupported"]);
    expect(refused.refusal?.message).toMatch(/it takes no deletions of tags/);
    repository.deletions = "all";
    await executePrune(repository, plan);
    expect([...repository.tagged.keys()].sort()).toEqual(["a", "b", "someone-elses"]);
    expect(repository.manifests.has(list)).toBe(true);
  });

  test("of one manifest, which has no other tags, go with it at once", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    for (const name of ["a", "b"]) repository.putList((await fixture.image(name)).digest, []);
    repository.deletions = "of-manifests";
    const { steps } = await executePrune(repository, planPrune(await surveyRepository(repository)));
    expect(steps.map(({ outcome }) => outcome)).toEqual(["done"]);
    expect([...repository.tagged.keys()]).toEqual(["a", "b"]);
  });

  test("whose tags stay when their manifest is deleted are untagged", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const image = await fixture.image("image");
    repository.putList(image.digest, []);
    repository.keepsTags = true;
    const { steps } = await executePrune(repository, planPrune(await surveyRepository(repository)));
    expect(steps.map(({ outcome }) => outcome)).toEqual(["done"]);
    expect([...repository.tagged.keys()]).toEqual(["image"]);
  });

  test("that changed since the plan are left as they are", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const image = await fixture.image("image");
    const index = await fixture.v1(image);
    const tag = referrersTag(image.digest);
    repository.drop(image.digest);
    const plan = planPrune(await surveyRepository(repository));
    repository.putList(image.digest, [...repository.listUnder(tag), other("new")]);
    const { steps } = await executePrune(repository, plan);
    expect(steps.map(({ outcome }) => outcome)).toEqual(["changed", "skipped"]);
    expect(steps[0]!.message).toMatch(/^the tag sha256-\S+ names sha256:\S+, not sha256:\S+ any more$/);
    expect(repository.manifests.has(index.digest)).toBe(true);
  });

  test("are told from images that are tagged like one", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const image = await fixture.image(undefined, "image");
    const tag = referrersTag(digestOf(bytesOf("anything")));
    await fixture.index(tag, [{ ...image, platform: AMD64 }]);
    await fixture.image(referrersTag(digestOf(bytesOf("another"))));
    const index = await fixture.v1(image);
    const survey = await surveyRepository(repository);
    expect(survey.lists.map((list) => list.tag)).toEqual([referrersTag(image.digest)]);
    expect(shown(survey)).toEqual([["v1", "used", index.digest, [[image.digest, tag]]]]);
    expect(planPrune(survey).steps).toEqual([]);
  });

  test("of SHA-512, whose tag has half of the digest, are known by what they list", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const bytes = imageBytes("image");
    const subject = { mediaType: OCI_MANIFEST, digest: digestOf(bytes, "sha512"), size: bytes.length };
    const index = await fixture.v1(subject);
    repository.putList(digestOf(bytesOf("other"), "sha512"), []);
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([["v1", "orphaned", index.digest, [[subject.digest]]]]);
    expect(survey.lists.map((list) => [list.subject, list.subjectExists]).sort()).toEqual(
      [
        [subject.digest, false],
        [undefined, true],
      ].sort(),
    );
    await executePrune(repository, planPrune(survey));
    expect([repository.manifests.size, repository.tagged.size]).toEqual([0, 0]);
  });
});

describe("surveyRepository()", () => {
  test("of an image that only its digest leads to says so, and keeps its index", async () => {
    const fixture = new Fixture("tags");
    const image = await fixture.image(undefined, "untagged");
    const index = await fixture.v1(image);
    const survey = await surveyRepository(fixture.repository);
    expect(shown(survey)).toEqual([["v1", "used", index.digest, [[image.digest]]]]);
    expect(survey.artifacts[0]!.images[0]!.exists).toBe(true);
    expect(planPrune(survey).steps).toEqual([]);
  });

  test("finds v2 indexes that are named and not there, there and not named, and shared", async () => {
    const fixture = new Fixture("api");
    const { repository } = fixture;
    const missing = digestOf(bytesOf("missing"));
    const broken = await fixture.image("broken", "broken", { [SOCI_INDEX_DIGEST]: missing });
    const shared = await fixture.v2("shared");
    const one = await fixture.image("one", "one", { [SOCI_INDEX_DIGEST]: shared.digest });
    const two = await fixture.image("two", "two", { [SOCI_INDEX_DIGEST]: shared.digest });
    const unnamed = await fixture.v2("unnamed");
    // As some copies leave it: without its artifact type.
    await fixture.index("multi", [
      { ...one, platform: AMD64 },
      { ...unnamed, platform: AMD64 },
    ]);
    const tagged = await fixture.v2("tagged");
    await repository.tag("soci", tagged);
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([
      ["v2", "missing", missing, [[broken.digest, "broken"]]],
      [
        "v2",
        "used",
        shared.digest,
        [
          [one.digest, "multi", "one"],
          [two.digest, "two"],
        ],
      ],
      ["v2", "unnamed", unnamed.digest, []],
      ["v2", "unnamed", tagged.digest, []],
    ]);
    expect(survey.artifacts.map(({ tags, inIndex }) => [tags, inIndex])).toEqual([
      [[], false],
      [[], false],
      [[], true],
      [["soci"], false],
    ]);
    expect(planPrune(survey, { shadowed: true, tagged: true }).steps).toEqual([]);
  });

  test("finds indexes that have a tag, and prunes those without an image only when told to", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const image = await fixture.image("image");
    const unlisted = await fixture.v1(image);
    await repository.tag("unlisted", unlisted);
    repository.drop(referrersTag(image.digest));
    const gone = await fixture.image(undefined, "gone");
    const orphan = await fixture.v1(gone);
    await repository.tag("orphan", orphan);
    repository.drop(gone.digest);
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([
      ["v1", "orphaned", orphan.digest, [[gone.digest]]],
      ["v1", "unlisted", unlisted.digest, [[image.digest, "image"]]],
    ]);
    const plan = planPrune(survey);
    expect(plan.steps).toEqual([]);
    expect(plan.kept.map(({ artifact, because }) => [artifact.descriptor.digest, because])).toEqual([
      [orphan.digest, "tagged"],
    ]);
    expect(planPrune(survey, { tagged: true }).steps.map(({ action }) => action)).toEqual([
      "delete-list",
      "delete-index",
    ]);
  });

  test("keeps what an image index has as a child", async () => {
    const fixture = new Fixture("api");
    const gone = await fixture.image(undefined, "gone");
    const index = await fixture.v1(gone);
    await fixture.index("multi", [{ ...index, artifactType: SOCI_INDEX_V1 }]);
    fixture.repository.drop(gone.digest);
    const plan = planPrune(await surveyRepository(fixture.repository));
    expect(plan.steps).toEqual([]);
    expect(plan.kept).toMatchObject([{ because: "in-index", artifact: { state: "orphaned" } }]);
  });

  test("says what is listed in the wrong place, and does not touch it", async () => {
    const fixture = new Fixture("tags");
    const { repository } = fixture;
    const [image, other] = [await fixture.image("image"), await fixture.image("other")];
    const index = await fixture.v1(other);
    const entry = { ...index, artifactType: SOCI_INDEX_V1 };
    const notOne = { ...other, artifactType: SOCI_INDEX_V1 };
    repository.putList(image.digest, [entry, notOne]);
    repository.drop(referrersTag(other.digest));
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([
      ["v1", "misplaced", index.digest, [[image.digest, "image"]]],
      ["v1", "misplaced", other.digest, [[image.digest, "image"]]],
    ]);
    expect(planPrune(survey, { shadowed: true, tagged: true }).steps).toEqual([]);
  });

  test("goes on past what cannot be read, and past tags that are gone by then", async () => {
    const fixture = new Fixture("api");
    const { repository } = fixture;
    const image = await fixture.image("image");
    const index = await fixture.v1(image);
    const old = bytesOf('{"schemaVersion":1,"fsLayers":[]}');
    repository.manifests.set(digestOf(old), {
      mediaType: "application/vnd.docker.distribution.manifest.v1+json",
      bytes: old,
    });
    repository.tagged.set("old", digestOf(old));
    repository.tagged.set("vanished", digestOf(bytesOf("vanished")));
    repository.referrers = async function* (subject) {
      if (subject === image.digest) yield { ...index, artifactType: SOCI_INDEX_V1 };
    };
    const survey = await surveyRepository(repository);
    expect(shown(survey)).toEqual([["v1", "used", index.digest, [[image.digest, "image"]]]]);
    expect(survey.unread).toEqual([{ name: "old", message: expect.stringMatching(/Docker schema 1/) }]);
    expect([...survey.tags.keys()]).toEqual(["image"]);
  });

  test("fails where the network does, and ends with its signal", async () => {
    const fixture = new Fixture("api");
    await fixture.image("image");
    const error = new Error("reset");
    fixture.repository.referrers = async function* () {
      yield* [];
      throw error;
    };
    await expect(surveyRepository(fixture.repository)).rejects.toBe(error);
    await expect(surveyRepository(fixture.repository, { signal: AbortSignal.abort(error) })).rejects.toBe(error);
  });

  test("of a repository with too many tags says so", async () => {
    const { repository } = new Fixture("api");
    repository.tags = async function* () {
      for (let i = 0; i <= 100_000; i++) yield `t${i}`;
    };
    await expect(surveyRepository(repository)).rejects.toMatchObject({ code: "ERR_SOCI_REPOSITORY_TOO_LARGE" });
  });
});

describe("any repository", () => {
  interface Made {
    readonly image: number;
    readonly tool: number;
  }
  const scene = fc.record({
    kind: fc.constantFrom("api" as const, "tags" as const),
    images: fc.integer({ min: 1, max: 4 }),
    indexes: fc.array(fc.record<Made>({ image: fc.nat(3), tool: fc.nat(2) }), { maxLength: 6 }),
    goneImages: fc.array(fc.nat(3), { maxLength: 3 }),
    goneIndexes: fc.array(fc.nat(5), { maxLength: 2 }),
    taggedIndexes: fc.array(fc.nat(5), { maxLength: 1 }),
    options: fc.record({ shadowed: fc.boolean(), tagged: fc.boolean() }) satisfies fc.Arbitrary<PruneOptions>,
  });

  test("after pruning, every image that had an index has the same one, nothing dangles, and there is nothing left to prune", async () => {
    await fc.assert(
      fc.asyncProperty(scene, async ({ kind, images, indexes, goneImages, goneIndexes, taggedIndexes, options }) => {
        const fixture = new Fixture(kind);
        const { repository } = fixture;
        const all: Descriptor[] = [];
        for (let i = 0; i < images; i++) all.push(await fixture.image(i % 2 === 0 ? `t${i}` : undefined, `${i}`));
        const made: Descriptor[] = [];
        for (const { image, tool } of indexes) made.push(await fixture.v1(all[image % images]!, `${tool}`));
        for (const i of taggedIndexes) if (made[i] !== undefined) await repository.tag(`i${i}`, made[i]);
        for (const i of goneImages) repository.drop(all[i % images]!.digest);
        for (const i of goneIndexes) if (made[i] !== undefined) repository.drop(made[i].digest);
        const subjects = all.map(({ digest }) => digest);
        const used = (survey: RepositorySurvey): unknown[] =>
          survey.artifacts
            .filter(({ state }) => state === "used")
            .map(({ descriptor, images }) => [descriptor.digest, images]);

        const before = await surveyRepository(repository, { subjects });
        const plan: PrunePlan = planPrune(before, options);
        // Plans are data.
        const result: PruneResult = await executePrune(repository, JSON.parse(JSON.stringify(plan)) as PrunePlan);
        expect(result.refusal).toBeUndefined();
        expect(result.steps.map(({ outcome }) => outcome)).toEqual(plan.steps.map(() => "done"));
        const after = await surveyRepository(repository, { subjects });
        expect(used(after)).toEqual(used(before));
        expect(planPrune(after, options).steps).toEqual([]);
        for (const { entries } of after.lists)
          for (const { digest } of entries) {
            const artifact = after.artifacts.find(({ descriptor }) => descriptor.digest === digest);
            expect(artifact?.state).not.toBe("missing");
          }
      }),
      { numRuns: 50 },
    );
  });
});
