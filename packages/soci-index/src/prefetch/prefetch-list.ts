import { decodeGoJson, type Json, type JsonObject } from "@socikit/oci";
import { SociIndexError } from "../errors.ts";

/** A file, directory or pattern to prefetch. */
export interface PrefetchPath {
  /** The path in the image, with or without a slash in front. It need not be clean. */
  readonly path: string;
  /** Lower comes first: a safe integer. @default {0} */
  readonly priority?: number | undefined;
}

/** How paths are looked for: as in a container of the image, or as the reference looks for them. */
export type PrefetchRule = "image" | "reference";

/** Largest list of files that is read, in bytes. */
export const MAX_PREFETCH_LIST_SIZE: number = 16 * 1024 * 1024;

/**
 * The paths that values of `--prefetch-file` stand for: split at commas and trimmed, blank ones left out, as by the reference.
 * A path with a comma in it has to come in a list.
 */
export function parsePrefetchFiles(values: readonly string[]): readonly PrefetchPath[] {
  return pathsOf(values.flatMap((value) => value.split(",")).map((path) => ({ path })));
}

/**
 * Decodes the list that `--prefetch-files-json` names: a JSON array of paths, trimmed, blank ones left out, as by the
 * reference. Instead of a path there may be an object with a `path` and a `priority`, unless the rule is the reference's.
 *
 * @throws {SociIndexError} `ERR_SOCI_PREFETCH_LIST`.
 */
export function decodePrefetchList(bytes: Uint8Array, rule: PrefetchRule = "image"): readonly PrefetchPath[] {
  if (bytes.length > MAX_PREFETCH_LIST_SIZE)
    throw failed(`its ${bytes.length} bytes are more than ${MAX_PREFETCH_LIST_SIZE}`);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    throw failed("it begins with a byte order mark (BOM), which JSON does not: save it as UTF-8 without one");
  let json: Json;
  try {
    json = decodeGoJson(bytes);
  } catch (cause) {
    throw failed((cause as SyntaxError).message, cause);
  }
  // Go takes null for a list without entries.
  const entries = json ?? [];
  if (!Array.isArray(entries)) throw failed("it is not an array");
  return pathsOf(entries.map((entry: Json, i) => decodeEntry(entry, i, rule)));
}

function decodeEntry(entry: Json, i: number, rule: PrefetchRule): PrefetchPath {
  if (entry === null) return { path: "" };
  if (typeof entry === "string") return { path: entry };
  if (rule === "reference" || !(entry instanceof Map)) throw failed(`entry ${i} is not a path`);
  const object = entry as JsonObject;
  for (const name of object.keys())
    if (name !== "path" && name !== "priority")
      throw failed(`entry ${i} has an unknown member ${JSON.stringify(name)}`);
  const path = object.get("path");
  const priority = object.get("priority") ?? 0;
  if (typeof path !== "string") throw failed(`entry ${i} has no path`);
  if (!Number.isSafeInteger(priority)) throw failed(`entry ${i} has a priority that is not an integer`);
  return { path, priority: priority as number };
}

function failed(what: string, cause?: unknown): SociIndexError {
  return new SociIndexError(
    "ERR_SOCI_PREFETCH_LIST",
    `Cannot read list of files to prefetch: ${what}`,
    cause === undefined ? undefined : { cause },
  );
}

function pathsOf(paths: readonly PrefetchPath[]): readonly PrefetchPath[] {
  return paths.map((wanted) => ({ ...wanted, path: trimSpace(wanted.path) })).filter(({ path }) => path !== "");
}

/** Go's `strings.TrimSpace`, which knows another white space than JavaScript: U+0085 is some, U+FEFF is not. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && WHITE_SPACE.test(text[start]!)) start++;
  while (end > start && WHITE_SPACE.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

const WHITE_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
