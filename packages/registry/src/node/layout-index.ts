import { stat } from "node:fs/promises";
import { join } from "node:path";
import { decodeManifest, isImageIndex, isTag, OCI_INDEX, type Descriptor } from "@socikit/oci";
import { isMissingFile, readRegularFile, replaceFile, withFileLock } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** Largest `index.json` read, in bytes. */
export const MAX_INDEX_SIZE: number = 32 * 1024 * 1024;

/** An entry of `index.json`. */
export interface LayoutEntry {
  /** The entry, read. */
  readonly descriptor: Descriptor;
  /** Its `org.opencontainers.image.ref.name`: a tag, a whole reference as some tools write, or nothing. */
  readonly name: string | undefined;
  /** The entry as it stands in the file, unknown members included. */
  readonly raw: RawEntry;
}

/** An entry as it stands in the file. */
export type RawEntry = Readonly<Record<string, unknown>>;

/** The `index.json` of a layout: read when it has changed, written under a lock. */
export class LayoutIndex {
  readonly #directory: string;
  readonly #path: string;
  #read: { readonly stamp: string; readonly document: LayoutDocument } | undefined;

  readonly #sync: boolean;

  /**
   * @param directory The layout's real path: writers of one process meet by it.
   * @param sync Whether what is written has to outlive the machine.
   */
  constructor(directory: string, sync: boolean) {
    this.#directory = directory;
    this.#path = join(directory, "index.json");
    this.#sync = sync;
  }

  /** The entries that can be read. Others are left alone. */
  async entries(): Promise<readonly LayoutEntry[]> {
    return (await this.#document()).entries;
  }

  /**
   * Changes the list of entries: read anew, changed and replaced while nobody else writes.
   *
   * @param change Gets the entries that can be read, gives back what the list is to be; `undefined` leaves it.
   */
  async update(
    change: (entries: readonly LayoutEntry[]) => Promise<readonly RawEntry[] | undefined>,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#locked(async () => {
      const { json, entries, others } = await this.#document();
      const changed = await change(entries);
      if (changed === undefined) return;
      await this.#replace({ ...json, manifests: [...changed, ...others] });
    }, signal);
  }

  /**
   * Does something while nobody else writes the list.
   *
   * @throws {RegistryError} `ERR_REGISTRY_INVALID_LAYOUT` where there are entries that cannot be read: what they lead to is not
   * known.
   */
  async whileLocked<T>(body: (entries: readonly LayoutEntry[]) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#locked(async () => {
      const { entries, others } = await this.#document();
      if (others.length > 0)
        throw new RegistryError(
          "ERR_REGISTRY_INVALID_LAYOUT",
          `Cannot sweep layout "${this.#directory}": ${others.length} entries of index.json cannot be read`,
        );
      return body(entries);
    }, signal);
  }

  /** Writes an index without entries where there is none. Where there is one, nothing is written, not even a lock. */
  async create(): Promise<void> {
    if (await this.#isThere()) return;
    await this.#locked(async () => {
      if (await this.#isThere()) return;
      await this.#replace({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    });
  }

  async #isThere(): Promise<boolean> {
    try {
      await stat(this.#path);
      return true;
    } catch (error) {
      if (isMissingFile(error)) return false;
      throw error;
    }
  }

  #replace(json: RawEntry): Promise<void> {
    return replaceFile(this.#path, encode(json), { sync: this.#sync });
  }

  #locked<T>(body: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const path = join(this.#directory, ".socikit-index.lock");
    const locked = (holder: string): RegistryError =>
      new RegistryError(
        "ERR_REGISTRY_LAYOUT_LOCKED",
        `Cannot lock "${path}": process ${holder} holds it; remove the file if no such process is writing`,
      );
    return withFileLock(path, body, { locked, signal });
  }

  async #document(): Promise<LayoutDocument> {
    const fail = (what: string, cause?: unknown): RegistryError =>
      new RegistryError("ERR_REGISTRY_INVALID_LAYOUT", `Cannot read layout "${this.#directory}": ${what}`, { cause });
    try {
      const { ino, size, mtimeNs } = await stat(this.#path, { bigint: true });
      // Every writer renames a new file into place, so that a change in place within one tick of the clock is not expected.
      const stamp = `${ino} ${size} ${mtimeNs}`;
      if (this.#read?.stamp === stamp) return this.#read.document;
      const document = decodeLayoutIndex(new TextDecoder().decode(await readRegularFile(this.#path, MAX_INDEX_SIZE)));
      if (typeof document === "string") throw fail(document);
      this.#read = { stamp, document };
      return document;
    } catch (error) {
      if (isMissingFile(error)) throw fail("it has no index.json", error);
      const unreadable = unreadableFile(error, MAX_INDEX_SIZE);
      if (unreadable !== undefined) throw fail(`index.json is ${unreadable}`, error);
      throw error;
    }
  }
}

/** What is wrong with a file that is there and not read; `undefined` for other errors. */
export function unreadableFile(error: unknown, limit: number): string | undefined {
  const { code } = error as { readonly code?: unknown };
  if (code === "EISDIR" || code === "ENOTREG") return "not a regular file";
  return code === "EFBIG" ? `longer than ${limit} bytes` : undefined;
}

/** An `index.json`, read. */
export interface LayoutDocument {
  /** The whole of it. */
  readonly json: RawEntry;
  /** Entries that can be read. */
  readonly entries: readonly LayoutEntry[];
  /** Entries that cannot be read (an unknown digest algorithm): kept. */
  readonly others: readonly unknown[];
}

/** The document, or what is wrong with it. */
export function decodeLayoutIndex(text: string): LayoutDocument | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return "index.json is not JSON";
  }
  if (!isObject(json)) return "index.json is not an object";
  const manifests = json["manifests"] ?? [];
  if (!Array.isArray(manifests)) return "manifests of index.json is not a list";
  const entries: LayoutEntry[] = [];
  const others: unknown[] = [];
  for (const raw of manifests as readonly unknown[]) {
    const descriptor = isObject(raw) ? decodeEntry(raw) : undefined;
    if (descriptor === undefined) others.push(raw);
    else entries.push({ descriptor, name: descriptor.annotations?.[REF_NAME] || undefined, raw: raw as RawEntry });
  }
  return { json, entries, others };
}

function decodeEntry(raw: RawEntry): Descriptor | undefined {
  try {
    const index = decodeManifest(encode({ schemaVersion: 2, manifests: [raw] }));
    return isImageIndex(index) ? index.manifests[0] : undefined;
  } catch {
    return undefined;
  }
}

/** The tag that an entry's name stands for: the name itself, or the tag of a whole reference (buildah, docker, containerd). */
export function tagOfName(name: string): string | undefined {
  if (isTag(name)) return name;
  const tag = /[^/]:([^:/@]+)(?:@.*)?$/.exec(name)?.[1];
  return tag !== undefined && isTag(tag) ? tag : undefined;
}

/**
 * The entry that a tag names: the first of exactly that name, as containers/image takes it, else the first whose name
 * ends in it.
 */
export function findTag(entries: readonly LayoutEntry[], tag: string): LayoutEntry | undefined {
  return (
    entries.find(({ name }) => name === tag) ??
    entries.find(({ name }) => name !== undefined && !isTag(name) && tagOfName(name) === tag)
  );
}

function encode(json: RawEntry): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

function isObject(value: unknown): value is RawEntry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
