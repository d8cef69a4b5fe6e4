import { isAlias, isScalar, isSeq, type Node, type Pair, type ParsedNode, type Scalar } from "yaml";
import { configError, parseFinchDocument, type FinchDocument } from "./finch-document.ts";

/** The settings of `finch.yaml` that this package understands. Others are left alone. */
export interface FinchConfig {
  /** Snapshotters to install, the default one first. Absent where the file has none, and then Finch uses overlayfs. */
  readonly snapshotters?: readonly string[];
  /** Credential helpers. */
  readonly credsHelpers?: readonly string[];
  /** Processors of the virtual machine. */
  readonly cpus?: number;
  /** Memory of the virtual machine as written, such as "4GiB". A bare number is in bytes. */
  readonly memory?: string;
}

/**
 * Reads what Finch would read: the first document; setting names in their exact case, others ignored; an empty setting
 * as an absent one.
 *
 * @throws {FinchConfigError} `ERR_FINCH_CONFIG_SYNTAX`; `ERR_FINCH_CONFIG_VALUE` for a setting of the wrong type, which
 * stops every command of Finch; `ERR_FINCH_CONFIG_TOO_LARGE` past 512 KiB, 100,000 words and marks, 10,000 values, 64 levels or 10 aliases.
 */
export function parseFinchConfig(yaml: string): FinchConfig {
  const document = parseFinchDocument(yaml);
  const snapshotters = snapshottersOf(document);
  const credsHelpers = names(document, "creds_helpers");
  const cpus = cpusOf(document);
  const memory = scalarOf(document, "memory", "a size such as 4GiB");
  return {
    ...(snapshotters.length === 0 ? {} : { snapshotters }),
    ...(credsHelpers.length === 0 ? {} : { credsHelpers }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory: textOf(memory) }),
  };
}

/**
 * The snapshotter that Finch pulls and runs with where a command does not name one: the first of `snapshotters`, else
 * `overlayfs`.
 *
 * @throws {FinchConfigError} as {@linkcode parseFinchConfig} does, about `snapshotters` alone.
 */
export function defaultSnapshotter(yaml: string): string {
  return snapshottersOf(parseFinchDocument(yaml))[0] ?? "overlayfs";
}

/** The names in `snapshotters`; empty where the key is absent, null or an empty list. */
export function snapshottersOf(document: FinchDocument): readonly string[] {
  return names(document, "snapshotters");
}

/** The key and value of a top-level setting. */
export function settingOf(document: FinchDocument, key: string): Pair<ParsedNode, ParsedNode | null> | undefined {
  for (const pair of document.root?.items ?? []) {
    if (!isScalar(pair.key)) continue;
    // Finch would merge; that a merged list is nowhere in this map is more than an editor of it should have to explain.
    if (pair.key.value === "<<" && pair.key.type === "PLAIN")
      throw configError(document.text, "ERR_FINCH_CONFIG_VALUE", "merge keys (<<) are not read", pair.key.range[0]);
    if (pair.key.value === key) return pair;
  }
  return undefined;
}

/** A node, or what its alias stands for. */
export function resolved(document: FinchDocument, node: Node | null | undefined): Node | undefined {
  return (isAlias(node) ? node.resolve(document.yaml) : node) ?? undefined;
}

/** Whether Finch's reader drops the item: a null in a list of texts. */
export function isNull(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null);
}

/** A scalar's text. Finch's reader puts any scalar into a text field as it is written: 1 becomes "1". */
export function textOf(scalar: Scalar): string {
  return scalar.source ?? String(scalar.value);
}

function names(document: FinchDocument, key: string): readonly string[] {
  const pair = settingOf(document, key);
  const list = resolved(document, pair?.value);
  if (pair === undefined || isNull(list)) return [];
  const fail = (what: string, node: Node | undefined): Error =>
    configError(document.text, "ERR_FINCH_CONFIG_VALUE", what, (node ?? pair.key).range?.[0]);
  if (!isSeq(list)) {
    const found = isScalar(list) ? JSON.stringify(textOf(list).slice(0, 100)) : "a map";
    const hint = isScalar(list) && /^-\S/.test(textOf(list)) ? "; each item needs a space after its dash" : "";
    throw fail(`${key} is ${found}, not a list of names${hint}`, list);
  }
  const found: string[] = [];
  for (const item of list.items as readonly (Node | null)[]) {
    const node = resolved(document, item);
    if (isNull(node)) continue;
    if (!isScalar(node)) throw fail(`an item of ${key} is not a name`, node);
    found.push(textOf(node));
  }
  return found;
}

function scalarOf(document: FinchDocument, key: string, wanted: string): Scalar | undefined {
  const pair = settingOf(document, key);
  const node = resolved(document, pair?.value);
  if (pair === undefined || isNull(node)) return undefined;
  if (!isScalar(node))
    throw configError(document.text, "ERR_FINCH_CONFIG_VALUE", `${key} is not ${wanted}`, pair.key.range[0]);
  return node;
}

function cpusOf(document: FinchDocument): number | undefined {
  const scalar = scalarOf(document, "cpus", "a number");
  if (scalar === undefined) return undefined;
  if (typeof scalar.value !== "number" || !Number.isFinite(scalar.value))
    throw configError(
      document.text,
      "ERR_FINCH_CONFIG_VALUE",
      `cpus is ${JSON.stringify(textOf(scalar).slice(0, 100))}, not a number`,
      scalar.range?.[0],
    );
  // Finch's reader truncates: 4.5 is 4.
  return Math.trunc(scalar.value);
}
