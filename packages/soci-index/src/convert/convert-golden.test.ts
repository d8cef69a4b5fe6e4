import { type BlobReader, type Descriptor, type Digest, type ManifestReader, type Platform } from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { goldenContent, goldenImage } from "../../../../testdata/golden-images.ts";
import { describeOutcome } from "../create/describe-outcome.ts";
import { describePrefetch } from "../prefetch/plan-prefetch.ts";
import { convertRuns, optionsOf, type ConvertRun } from "../testing/golden-runs.ts";
import { memoPool } from "../testing/memo-pool.ts";
import { memoryTarget, type MemoryTarget } from "../testing/memory-target.ts";
import { convertImage, type ConvertOptions, type ConvertResult } from "./convert-image.ts";
import { parseRequestedPlatform } from "./requested-platform.ts";
import { standaloneRoot } from "./standalone-root.ts";

/** The machine that the reference ran on. */
const HOST: Platform = { os: "linux", architecture: "amd64" };

/** Most runs are of the same few layers. */
const pool = memoPool();

/** What a run reads: the layout's blobs, and its `index.json`. */
interface Input {
  readonly content: ManifestReader & BlobReader;
  readonly index: string;
  readonly ociLayout: string;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const outputs = new Map<number, Promise<Input>>();

function inputOf(run: ConvertRun): Promise<Input> {
  const before = /^output of case (\d+)$/.exec(run.input ?? "")?.[1];
  if (before !== undefined) {
    const output = outputs.get(Number(before)) ?? outputOf(convertRuns[Number(before)]!);
    outputs.set(Number(before), output);
    return output;
  }
  const image = goldenImage(run.image);
  return Promise.resolve({ content: goldenContent(image), index: image.index, ociLayout: image.ociLayout });
}

/** What our own run writes is what the next one reads. */
async function outputOf(run: ConvertRun): Promise<Input> {
  const { target, result } = await convert(run);
  const manifests = [result.image];
  const index = JSON.stringify({ schemaVersion: 2, mediaType: result.image.mediaType, manifests });
  return { content: layoutOf(target), index, ociLayout: '{"imageLayoutVersion":"1.0.0"}' };
}

/** In a layout manifests are blobs too. */
function layoutOf(target: MemoryTarget): MemoryTarget {
  for (const [digest, bytes] of target.manifests) target.blobs.set(digest, bytes);
  return target;
}

async function convert(
  run: ConvertRun,
  more: ConvertOptions = {},
): Promise<{ readonly target: MemoryTarget; readonly result: ConvertResult; readonly input: Input }> {
  const input = await inputOf(run);
  const root = await standaloneRoot(input.content, { index: text(input.index), ociLayout: text(input.ociLayout) });
  const target = memoryTarget();
  const options = optionsOf(run.args, (platform) => parseRequestedPlatform(platform, HOST));
  const result = await convertImage({ image: input.content, target, pool }, root, {
    ...options,
    hostPlatform: HOST,
    ...more,
  });
  return { target, result, input };
}

const linesOf = (all: readonly string[]): readonly string[] => [...new Set(all)].sort();

const messagesOf = ({ platforms }: ConvertResult): readonly string[] =>
  linesOf(
    platforms.flatMap(({ layers, prefetch }) => [
      ...layers.map(describeOutcome),
      ...prefetch.artifacts.map(describePrefetch),
    ]),
  );

const named = convertRuns.map((run, i): [string, ConvertRun] => [
  `${i} ${run.image} ${run.input ?? ""} ${run.args.join(" ")}`,
  run,
]);
const successes = named.filter(([, run]) => run.exit === 0);

/**
 * Runs that fail by a fault of the reference's own, and what converts to the same: without the platform that the index does not
 * say, or in one run instead of two.
 */
const DEFECTS: ReadonlyMap<number, { readonly fault: RegExp; readonly sameAs?: number }> = new Map([
  // A child without a platform stands before the one that is looked for. Its config says the platform.
  [38, { fault: /^manifest should have proper platform$/, sameAs: 22 }],
  [39, { fault: /^manifest should have proper platform$/, sameAs: 23 }],
  [86, { fault: /^manifest should have proper platform$/ }],
  // The SOCI indexes of other platforms are taken for images, and then not found.
  [101, { fault: /^couldn't retrieve artifact for sha256:[0-9a-f]{64}, not found$/, sameAs: 98 }],
  [103, { fault: /^couldn't retrieve artifact for sha256:[0-9a-f]{64}, not found$/, sameAs: 69 }],
]);

const failures = convertRuns.flatMap((run, i): [string, ConvertRun][] =>
  run.exit === 0 || DEFECTS.has(i) ? [] : [named[i]!],
);

test("there are 106 runs: 75 succeed, 26 fail for what they are given, 5 by a fault of the reference", () => {
  expect([named.length, successes.length, failures.length, DEFECTS.size]).toEqual([106, 75, 26, 5]);
});

describe("convertImage() makes what the reference's convert --standalone makes", () => {
  test.each(successes)("%s", async (_, run) => {
    const { target, result, input } = await convert(run);
    expect(result.image).toEqual(run.index);
    expect(messagesOf(result)).toEqual(run.messages);
    const made = new Map<string, Uint8Array>([...target.blobs, ...target.manifests]);
    for (const [digest, { size, json }] of Object.entries(run.newBlobs!)) {
      expect(made.get(digest)?.length, digest).toBe(size);
      if (json !== undefined) expect(new TextDecoder().decode(made.get(digest))).toBe(json);
    }
    // And nothing besides, but for what the source has.
    for (const digest of made.keys())
      if (!(digest in run.newBlobs!)) expect(await input.content.stat(digest as Digest), digest).toBeDefined();
    expect(target.uploads.size).toBe(0);
  });
});

describe("convertImage() fails with a code where the reference fails", () => {
  /** What the reference says, and our code for it. */
  const CODES: readonly (readonly [RegExp, string])[] = [
    [/^index\.json contains no manifests$/, "ERR_SOCI_LAYOUT_NO_IMAGE"],
    [/^image does not support any platforms$/, "ERR_SOCI_NOT_AN_IMAGE"],
    [/^image manifest for [a-z0-9/]+: not found$/, "ERR_OCI_PLATFORM_NOT_FOUND"],
    [/^could not parse platform bogus: /, "ERR_OCI_INVALID_PLATFORM"],
    [/^no ztocs created, all layers either skipped or produced errors$/, "ERR_SOCI_NOTHING_TO_INDEX"],
    [/^errors encountered while building soci layers; could not generate gzip zinfo\. /, "ERR_SOCI_LAYER_FAILED"],
    // Spans of no bytes of a plain tar.
    [/^\(the reference crashes: integer divide by zero\)$/, "ERR_SOCI_LAYER_FAILED"],
  ];

  test.each(failures)("%s", async (_, run) => {
    const code = CODES.find(([said]) => said.test(run.error!))?.[1];
    expect(code, run.error).toBeDefined();
    const skipped: string[] = [];
    const onEvent: ConvertOptions["onEvent"] = (event) =>
      void (event.type === "layer-skipped" && skipped.push(event.reason.message));
    await expect(convert(run, { onEvent })).rejects.toMatchObject({
      code: code,
    });
    // What it has built before it comes to what fails is told of by the reference; we may not have begun.
    // Of the run that crashes, nothing was recorded.
    if (run.exit === 1)
      expect(linesOf(skipped)).toEqual(run.messages.filter((line) => line.startsWith("ztoc skipped")));
  });
});

describe("convertImage() works where the reference fails by a fault of its own", () => {
  test.each([...DEFECTS])("%s", async (i, { fault, sameAs }) => {
    const run = convertRuns[i]!;
    expect(run.error).toMatch(fault);
    const { result } = await convert(run);
    if (sameAs !== undefined) expect(result.image).toEqual(convertRuns[sameAs]!.index);
    // Where it came so far it had said the same.
    if (run.messages.length > 0) expect(messagesOf(result)).toEqual(run.messages);
  });

  test("a child without a platform that nobody asked for stays as it is", async () => {
    const { result, target } = await convert(convertRuns[86]!);
    const index = JSON.parse(new TextDecoder().decode(target.manifests.get(result.image.digest))) as {
      readonly manifests: readonly Descriptor[];
    };
    expect(index.manifests.map(({ platform, artifactType }) => [platform?.architecture, artifactType])).toEqual([
      [undefined, undefined],
      ["arm64", undefined],
      ["arm64", "application/vnd.amazon.soci.index.v2+json"],
    ]);
  });
});
