import type { ArgumentSpec, CommandSpec, OptionSpec } from "./command-spec.ts";

const REPOSITORY: ArgumentSpec = {
  name: "REPOSITORY",
  count: "one",
  summary: "host/repo, without a tag; or oci-layout:DIR",
};
const SUBJECT: OptionSpec = {
  name: "subject",
  kind: "texts",
  value: "DIGEST",
  summary:
    "look for the indexes of this image too, which was deleted: a registry with a referrers API knows them still, and nothing else leads to them; may be repeated, and a list with commas",
};
const PLAIN_HTTP: OptionSpec = {
  name: "plain-http",
  kind: "flag",
  byDefault: "plain HTTP on loopback only",
  summary: "talk HTTP, not HTTPS, to the registry",
};
const JSON_OPTION: OptionSpec = { name: "json", kind: "flag", summary: "print one JSON document on stdout" };

/** The commands on the SOCI artifacts of a repository. */
export const ARTIFACT_COMMANDS: readonly CommandSpec[] = [
  {
    name: ["artifacts", "list"],
    aliases: ["ls"],
    summary: "list the SOCI indexes of a repository, and the image that each belongs to",
    description: [
      "Finds what the tags of the repository lead to: indexes inside converted images (v2), and indexes that refer to an image (v1), by the referrers API and by fallback tags. Registries do not list manifests without a tag that nothing leads to.",
      "STATE is used: the image is read by it; shadowed: another index of the image is read in its place; unlisted: nothing lists it for its image; orphaned: its image is gone; unnamed: no image names it (v2); missing: it is listed and not there; misplaced: it is listed for an image that it is not of.",
      "SIZE counts the zTOCs. An index of several images has a row for each.",
    ],
    arguments: [{ ...REPOSITORY, summary: `${REPOSITORY.summary} or oci-archive:FILE` }],
    options: [SUBJECT, PLAIN_HTTP, { name: "quiet", short: "q", kind: "flag", summary: "digests only" }, JSON_OPTION],
    examples: [
      { line: "socikit artifacts list ghcr.io/me/app", summary: "what is in a repository" },
      { line: "socikit artifacts list oci-layout:./image --json", summary: "in a layout, for programs" },
    ],
    json: "{ repository: string, artifacts: [{ digest: string, size: number, blob_bytes: number, version: string, state: string, images: [{ digest: string, exists: boolean, tags: [string], platform?: string }], tags: [string], lists: [string], in_index: boolean, shadowed_by?: string }], lists: [{ tag: string, digest: string, size: number, subject?: string, subject_exists: boolean, entries: [string] }], unread: [{ name: string, message: string }] }; size is the manifest's, blob_bytes that of zTOCs and prefetch artifacts, lists are fallback tags",
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/artifacts-list.ts")).artifactsList,
  },
  {
    name: ["artifacts", "prune"],
    summary: "delete the SOCI indexes of a repository that are of no use any more",
    description: [
      "Deletes indexes whose image is gone, takes out of the lists under fallback tags what is not there any more, and deletes lists that are left with nothing. What a tag or an image index leads to stays, and so does what is not of SOCI. zTOCs are freed by the registry's own garbage collection.",
      "Says what it would do, with digests and sizes, and asks; where there is no terminal to ask at, it does nothing without --yes. Before each step it looks whether what the step rests on is still so.",
      "Prints one line a step with what became of it: done; gone, someone else has done it; changed, it is not as it was, and was left; unsupported or denied, the registry does not do it; skipped.",
    ],
    arguments: [REPOSITORY],
    options: [
      { name: "dry-run", kind: "flag", summary: "delete nothing, and print what would be done" },
      { name: "yes", short: "y", kind: "flag", summary: "do not ask" },
      {
        name: "shadowed",
        kind: "flag",
        summary: "indexes in whose place another one of the image is read, too",
      },
      { name: "tagged", kind: "flag", summary: "indexes of no use that have a tag of their own, too" },
      SUBJECT,
      PLAIN_HTTP,
      { name: "quiet", short: "q", kind: "flag", summary: "print the digests of what is deleted only" },
      JSON_OPTION,
    ],
    examples: [
      { line: "socikit artifacts prune ghcr.io/me/app --dry-run", summary: "look first" },
      { line: "socikit artifacts prune ghcr.io/me/app --yes --json", summary: "in a scheduled job" },
      { line: "socikit artifacts prune ghcr.io/me/app --shadowed", summary: "keep one index an image" },
    ],
    json: '{ repository: string, dry_run: boolean, steps: [{ action: "delete-list" | "update-list" | "delete-index", reason: string, digest: string, size: number, tags?: [string], removes?: [string], subject?: string, outcome?: string, message?: string }], kept: [{ digest: string, because: "tagged" | "in-index", tags: [string] }], unread: [{ name: string, message: string }], bytes: number }; outcome is missing of a dry run, size counts the zTOCs of an index, bytes is that of all indexes that are deleted',
    exits: [0, 1, 2, 3, 4, 5, 130],
    load: async () => (await import("./commands/artifacts-prune.ts")).artifactsPrune,
  },
];
