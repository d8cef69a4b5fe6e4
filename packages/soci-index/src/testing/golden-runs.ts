import { readFileSync } from "node:fs";
import { parsePlatform, type Descriptor, type Platform } from "@socikit/oci";
import type { PrefetchRequest } from "../prefetch/plan-prefetch.ts";
import { decodePrefetchList, parsePrefetchFiles } from "../prefetch/prefetch-list.ts";

/** A run of the reference's `create`. */
export interface CreateRun {
  readonly image: string;
  readonly args: readonly string[];
  readonly exit: number;
  /** Sorted, each once. */
  readonly messages: readonly string[];
  readonly error?: string;
  readonly indexes?: Readonly<Record<string, { readonly size: number; readonly json: string }>>;
}

/** A run of the reference's `convert --standalone`. */
export interface ConvertRun {
  readonly image: string;
  readonly args: readonly string[];
  readonly exit: number;
  /** Sorted, each once; not recorded of the run that crashes. */
  readonly messages: readonly string[];
  readonly error?: string;
  /** `output of case N`: the layout that the Nth run wrote is converted. */
  readonly input?: string;
  /** The converted image. */
  readonly index?: Descriptor;
  readonly newBlobs?: Readonly<Record<string, { readonly size: number; readonly json?: string }>>;
}

const TESTDATA = new URL("../../../../testdata/", import.meta.url);

const golden = JSON.parse(readFileSync(new URL("images.json", TESTDATA), "utf8")) as {
  readonly create: readonly CreateRun[];
  readonly convert: readonly ConvertRun[];
};

/** The runs, in their order. */
export const createRuns: readonly CreateRun[] = golden.create;

/** The runs of `convert`, in their order. */
export const convertRuns: readonly ConvertRun[] = golden.convert;

/** Every SOCI index that the reference wrote, of both versions: digest and text. */
export function goldenIndexes(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const add = (blobs: Readonly<Record<string, { readonly json?: string }>> | undefined): void => {
    for (const [digest, { json }] of Object.entries(blobs ?? {})) {
      const config = json === undefined ? undefined : (JSON.parse(json) as { config?: { mediaType: string } }).config;
      if (json !== undefined && config?.mediaType.startsWith("application/vnd.amazon.soci.index."))
        found.set(digest, json);
    }
  };
  for (const run of golden.create) add(run.indexes);
  for (const run of golden.convert) add(run.newBlobs);
  return found;
}

/** The options that a run's arguments stand for. */
export function optionsOf(
  args: readonly string[],
  platformOf: (text: string) => Platform = parsePlatform,
): {
  readonly spanSize?: number;
  readonly minLayerSize?: number;
  readonly platforms?: readonly Platform[] | "all";
  readonly optimizations?: readonly "xattr"[];
  readonly prefetch?: PrefetchRequest;
} {
  const values = (name: string): string[] => args.flatMap((arg, i) => (args[i - 1] === name ? [arg] : []));
  const number = (name: string): number | undefined => values(name).map(Number)[0];
  const spanSize = number("--span-size");
  const minLayerSize = number("--min-layer-size");
  const platforms = args.includes("--all-platforms") ? "all" : values("--platform").map((text) => platformOf(text));
  const lists = values("--prefetch-files-json").map((name) => readFileSync(new URL(name, TESTDATA)));
  const prefetch = [
    ...parsePrefetchFiles(values("--prefetch-file")),
    ...lists.flatMap((list) => decodePrefetchList(list, "reference")),
  ];
  return {
    ...(spanSize === undefined ? {} : { spanSize }),
    ...(minLayerSize === undefined ? {} : { minLayerSize }),
    ...(platforms.length === 0 ? {} : { platforms }),
    ...(values("--optimizations").includes("xattr") ? { optimizations: ["xattr"] as const } : {}),
    ...(prefetch.length === 0 ? {} : { prefetch: { paths: prefetch, rule: "reference" } }),
  };
}
