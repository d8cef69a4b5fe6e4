import { isAlias, isScalar, isSeq, type CST, type Node, type YAMLSeq } from "yaml";
import { isNull, resolved, settingOf, snapshottersOf, textOf } from "./finch-config.ts";
import { configError, parseFinchDocument, type FinchDocument } from "./finch-document.ts";
import { sameValue } from "./same-value.ts";

const SOCI = "soci";
const KEY = "snapshotters";
const BY_HAND = "its layout is not one that can be edited in place: put soci first in snapshotters by hand";

/**
 * `finch.yaml` with `soci` as the default snapshotter: put first in `snapshotters`, the others kept behind it. Returns
 * its input where it already is. No other byte changes: comments, indentation, line ends, unknown keys and further
 * documents stay; an item that moves takes its line with it.
 *
 * Finch reads the file at the next `finch vm start` and then writes it anew itself, without comments.
 *
 * @throws {FinchConfigError} as `parseFinchConfig` does, about `snapshotters` alone; `ERR_FINCH_CONFIG_NOT_EDITABLE` where
 * the list cannot be changed in place, such as one that is an alias or that another setting shares.
 */
export function enableSoci(yaml: string): string {
  const document = parseFinchDocument(yaml);
  const before = snapshottersOf(document);
  if (before[0] === SOCI) return yaml;
  const edited = edit(document);
  checkEdit(document, before, edited);
  return edited;
}

function edit(document: FinchDocument): string {
  const { text, root, end } = document;
  if (root === undefined) {
    // A file of comments, or a bare null, which a map takes the place of.
    const [start, stop] = document.yaml.contents?.range ?? [end, end];
    return start === stop ? appendKey(document, "") : splice(text, start, stop, `{${KEY}: [${SOCI}]}`);
  }
  const pair = settingOf(document, KEY);
  if (pair === undefined) {
    const [first] = root.items;
    if (root.flow !== true) return appendKey(document, indentAt(text, root.range[0]));
    const at = first === undefined ? root.range[0] + 1 : first.key.range[0];
    return splice(text, at, at, `${KEY}: [${SOCI}]${first === undefined ? "" : ", "}`);
  }
  const { key, value } = pair;
  if (isAlias(value)) throw notEditable(document, value.range[0], "snapshotters is an alias: write the list out");
  if (isSeq(value)) {
    if (value.items.length === 0) return splice(text, value.range[0] + 1, value.range[0] + 1, SOCI);
    return value.flow === true ? editFlow(document, value) : editBlock(document, value);
  }
  // What is left is a null: written out, or nothing after the colon, or no colon.
  if (isScalar(value) && textOf(value) !== "") return splice(text, value.range[0], value.range[1], `[${SOCI}]`);
  const colon = pair.srcToken?.sep?.find((token) => token.type === "map-value-ind");
  if (colon === undefined) return splice(text, key.range[1], key.range[1], `: [${SOCI}]`);
  if (root.flow === true) return splice(text, colon.offset + 1, colon.offset + 1, ` [${SOCI}]`);
  // Below the key and what is said beside it, in the shape in which Finch writes lists.
  const lineEnd = endOfLine(text, colon.offset);
  const indent = " ".repeat(columnOf(text, key.range[0]));
  return splice(text, lineEnd, lineEnd, `${lineBreakOf(text, lineEnd)}${indent}    - ${SOCI}`);
}

/** Appends the key as the last of a block map, indented as the map is. */
function appendKey({ text, end }: FinchDocument, indent: string): string {
  const eol = lineBreakOf(text);
  const head = text.slice(0, end);
  const gap = head === "" || head === "\ufeff" || head.endsWith("\n") ? "" : eol;
  return `${head}${gap}${indent}${KEY}:${eol}${indent}    - ${SOCI}${eol}${text.slice(end)}`;
}

function editFlow(document: FinchDocument, list: YAMLSeq): string {
  const { text } = document;
  const tokens = list.items.map((item) => rangeOf(document, item));
  const first = tokens[0]!;
  const at = sociAt(document, list);
  if (at < 0) return splice(text, first.start, first.start, `${SOCI}, `);
  // The names trade places and everything between them stays, so the file holds the same bytes in another order.
  let edited = text;
  for (let i = at; i >= 0; i--) {
    const from = tokens[i === 0 ? at : i - 1]!;
    const to = tokens[i]!;
    edited = splice(edited, to.start, to.end, text.slice(from.start, from.end));
  }
  return edited;
}

function editBlock(document: FinchDocument, list: YAMLSeq): string {
  const { text } = document;
  const dashes = (list.srcToken as CST.BlockSequence | undefined)?.items.map((item) =>
    item.start.find((token) => token.type === "seq-item-ind"),
  );
  const firstDash = dashes?.[0]?.offset;
  if (firstDash === undefined) throw notEditable(document, list.range?.[0]);
  const firstLine = firstDash - columnOf(text, firstDash);
  const indent = text.slice(firstLine, firstDash);
  if (indent.trim() !== "") throw notEditable(document, firstDash);
  const at = sociAt(document, list);
  if (at < 0) {
    const firstValue = rangeOf(document, list.items[0]).start;
    const between = text.slice(firstDash + 1, firstValue);
    const gap = /^[ \t]+$/.test(between) ? between : " ";
    const eol = lineBreakOf(text, firstDash);
    return splice(text, firstLine, firstLine, `${indent}-${gap}${SOCI}${eol}`);
  }
  const dash = dashes?.[at]?.offset;
  if (dash === undefined) throw notEditable(document, list.range?.[0]);
  const start = dash - columnOf(text, dash);
  const stop = endOfLine(text, rangeOf(document, list.items[at]).end);
  const line = text.slice(start, stop);
  const after = /^\r?\n/.exec(text.slice(stop, stop + 2))?.[0];
  // The last line of a file may lack its end: then the line before gives up its own.
  const before = text.slice(0, start).endsWith("\r\n") ? "\r\n" : "\n";
  const removed =
    after === undefined ? splice(text, start - before.length, stop, "") : splice(text, start, stop + after.length, "");
  return splice(removed, firstLine, firstLine, `${line}${after ?? before}`);
}

/** Which item of the list is `soci`, or -1. */
function sociAt(document: FinchDocument, list: YAMLSeq): number {
  return (list.items as readonly (Node | null)[]).findIndex((item) => {
    const node = resolved(document, item);
    return isScalar(node) && !isNull(node) && textOf(node) === SOCI;
  });
}

/** Where an item's own text lies, without an anchor or tag before it. */
function rangeOf(document: FinchDocument, item: unknown): { readonly start: number; readonly end: number } {
  const node = item as Node;
  if (node?.range == null) throw notEditable(document);
  return { start: node.range[0], end: node.range[1] };
}

/**
 * That the edit is the one wanted: the list begins with soci and keeps its others in order, and every other setting has
 * the value it had. Reading the result again is what makes splicing text safe.
 */
function checkEdit(document: FinchDocument, before: readonly string[], edited: string): void {
  let after: FinchDocument;
  let list: readonly string[];
  try {
    after = parseFinchDocument(edited);
    list = snapshottersOf(after);
  } catch (cause) {
    throw notEditable(document, undefined, BY_HAND, cause);
  }
  const at = before.indexOf(SOCI);
  const wanted = [SOCI, ...before.filter((_, i) => i !== at)];
  if (!sameValue(list, wanted) || !sameValue(otherSettings(document), otherSettings(after)))
    throw notEditable(document);
}

function otherSettings(document: FinchDocument): unknown {
  // Aliases are counted when the text is parsed; shared values stay shared, so nothing multiplies here.
  const settings: unknown = document.yaml.toJS({ mapAsMap: true, maxAliasCount: -1 });
  const others = new Map<unknown, unknown>(settings instanceof Map ? settings : []);
  others.delete(KEY);
  return others;
}

function notEditable(document: FinchDocument, offset?: number, what: string = BY_HAND, cause?: unknown): Error {
  return configError(document.text, "ERR_FINCH_CONFIG_NOT_EDITABLE", what, offset, cause);
}

function splice(text: string, start: number, end: number, insert: string): string {
  return text.slice(0, start) + insert + text.slice(end);
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

/** The spaces before what is at `offset`, where only spaces are. */
function indentAt(text: string, offset: number): string {
  const before = text.slice(offset - columnOf(text, offset), offset).replace("\ufeff", "");
  return before.trim() === "" ? before : "";
}

/** Where the line's break begins, or the end of the text. */
function endOfLine(text: string, offset: number): number {
  const at = text.indexOf("\n", offset);
  if (at < 0) return text.length;
  return at > 0 && text[at - 1] === "\r" ? at - 1 : at;
}

/** The break of the line at `offset`; else the file's first one. */
function lineBreakOf(text: string, offset = 0): string {
  const at = text.indexOf("\n", offset);
  if (at < 0) return offset > 0 ? lineBreakOf(text) : "\n";
  return at > 0 && text[at - 1] === "\r" ? "\r\n" : "\n";
}
