import { bytesOf, toByteString, type ByteString } from "@socikit/oci";

/** One component of a pattern: `**`, or what one name is matched with. */
export type PatternComponent = { readonly kind: "any-depth" } | NamePattern;

/** What one name is matched with. */
export interface NamePattern {
  readonly kind: "name";
  /** Its length, in characters: what a look at a name costs grows with it. */
  readonly length: number;
  /** What it is made of. */
  readonly parts: readonly Part[];
  /** The only name that fits, where there is only one: it can be looked up. */
  readonly literal?: ByteString;
  /** What is between the stars, where that is ASCII alone: bytes can be compared with it. */
  readonly pieces?: readonly string[];
}

/** A character of a name, or any number of them. */
export type Part = "star" | Characters;

/** Characters that fit, as code points in ascending, inclusive ranges; all the others with `not`. */
export interface Characters {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly not: boolean;
}

/** Where bytes that are not UTF-8 are put: behind the last code point, each a character. */
const RAW_BYTES = 0x110000;

/** Whether a path has anything in it that is special in a pattern. */
export function isPattern(path: string): boolean {
  return /[*?[\\]/.test(path);
}

/**
 * Parses the components of a pattern. `*` stands for any number of characters of a name, a dot in front included; `?` for one;
 * `[a-z]` for one of those, `[!a-z]` for one of the others; `\` takes the next character as it is. A component `**` stands for
 * any number of directories; several in a row are one. A `[` without its `]` is itself.
 */
export function parsePattern(components: readonly ByteString[]): readonly PatternComponent[] {
  return components
    .filter((component, i) => component !== "**" || components[i - 1] !== "**")
    .map((component) => (component === "**" ? { kind: "any-depth" } : namePattern(charactersOf(component))));
}

/** What is wrong with a pattern, in a few words; `undefined` for one that is as patterns are. */
export function patternProblem(components: readonly ByteString[]): string | undefined {
  const broken = components.find((component) => opensInVain(charactersOf(component)));
  return broken === undefined ? undefined : 'the pattern is broken, a "[" in it has no "]"';
}

/** Whether the name fits. Takes at most as many steps as the name has characters, times the pattern's parts. */
export function matchesName({ parts, pieces }: NamePattern, name: ByteString): boolean {
  return pieces === undefined ? matchesCharacters(parts, charactersOf(name)) : matchesPieces(pieces, name);
}

/** Each piece as far in front as it may be: no other place leaves more for those behind it. */
function matchesPieces(pieces: readonly string[], name: string): boolean {
  const last = pieces.length - 1;
  if (last === 0) return name === pieces[0];
  let at = pieces[0]!.length;
  const end = name.length - pieces[last]!.length;
  if (at > end || !name.startsWith(pieces[0]!) || !name.endsWith(pieces[last]!)) return false;
  for (let piece = 1; piece < last; piece++) {
    const found = name.indexOf(pieces[piece]!, at);
    if (found < 0) return false;
    at = found + pieces[piece]!.length;
  }
  return at <= end;
}

function matchesCharacters(parts: readonly Part[], characters: readonly number[]): boolean {
  let part = 0;
  let at = 0;
  // Where to go on when what follows the last star does not fit: that star takes one character more.
  let star = -1;
  let starAt = 0;
  while (at < characters.length) {
    const wanted = parts[part];
    if (wanted === "star") {
      star = part++;
      starAt = at;
    } else if (wanted !== undefined && fits(wanted, characters[at]!)) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (parts[part] === "star") part++;
  return part === parts.length;
}

function fits({ ranges, not }: Characters, character: number): boolean {
  return ranges.some(([from, to]) => character >= from && character <= to) !== not;
}

function namePattern(characters: readonly number[]): NamePattern {
  const parts = partsOf(characters);
  const pattern: NamePattern = { kind: "name", length: characters.length, parts };
  const exact = parts.map(onlyOf);
  const isExact = parts.every((part, i) => part === "star" || exact[i] !== undefined);
  if (!isExact) return pattern;
  if (!parts.includes("star") && exact.every((character) => character! < RAW_BYTES))
    return { ...pattern, literal: toByteString(exact.map((c) => String.fromCodePoint(c!)).join("")) };
  if (!exact.every((character) => character === undefined || character < 0x80)) return pattern;
  const pieces = [""];
  for (const character of exact)
    if (character === undefined) pieces.push("");
    else pieces.push(pieces.pop()! + String.fromCharCode(character));
  return { ...pattern, pieces };
}

/** The only character that a part stands for, where there is one. */
function onlyOf(part: Part): number | undefined {
  if (part === "star" || part.not || part.ranges.length !== 1) return undefined;
  const [from, to] = part.ranges[0]!;
  return from === to ? from : undefined;
}

/** Whether a `[` is itself because nothing closes it. Alone, it is a program's name. */
function opensInVain(characters: readonly number[]): boolean {
  if (characters.length === 1) return false;
  for (let at = 0; at < characters.length; at++) {
    if (characters[at] === BACKSLASH) at++;
    else if (characters[at] === OPEN) {
      const set = setAt(characters, at);
      if (set === undefined) return true;
      at = set.end;
    }
  }
  return false;
}

const ANY: Characters = { ranges: [], not: true };

function partsOf(characters: readonly number[]): Part[] {
  const parts: Part[] = [];
  // Where one "[" is not closed, none behind it is, and looking for it each time would take the square of their number.
  let mayOpen = true;
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === STAR) {
      if (parts.at(-1) !== "star") parts.push("star");
    } else if (character === QUESTION_MARK) parts.push(ANY);
    else if (character === BACKSLASH && at + 1 < characters.length) parts.push(exactly(characters[++at]!));
    else {
      const set = character === OPEN && mayOpen ? setAt(characters, at) : undefined;
      if (character === OPEN && set === undefined) mayOpen = false;
      parts.push(set?.characters ?? exactly(character));
      at = set?.end ?? at;
    }
  }
  return parts;
}

function exactly(character: number): Characters {
  return { ranges: [[character, character]], not: false };
}

/** The set that begins at a `[`, and where its `]` is; `undefined` where there is none. */
function setAt(characters: readonly number[], open: number): { characters: Characters; end: number } | undefined {
  let at = open + 1;
  const not = characters[at] === EXCLAMATION_MARK || characters[at] === CARET;
  if (not) at++;
  const ranges: [number, number][] = [];
  // A "]" right at the beginning is one of the set.
  for (let first = true; at < characters.length; first = false, at++) {
    if (characters[at] === CLOSE && !first) return { characters: { ranges, not }, end: at };
    if (characters[at] === BACKSLASH && at + 1 < characters.length) at++;
    const from = characters[at]!;
    if (characters[at + 1] === HYPHEN && at + 2 < characters.length && characters[at + 2] !== CLOSE) {
      at += characters[at + 2] === BACKSLASH && at + 3 < characters.length ? 3 : 2;
      ranges.push([from, characters[at]!]);
    } else ranges.push([from, from]);
  }
  return undefined;
}

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const BACKSLASH = 0x5c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const HYPHEN = 0x2d;
const EXCLAMATION_MARK = 0x21;
const CARET = 0x5e;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The code points of a name; of one that is not UTF-8, its bytes that are not ASCII behind all of them. */
function charactersOf(name: ByteString): number[] {
  if (/^[\0-\x7f]*$/.test(name)) {
    const characters: number[] = [];
    for (let at = 0; at < name.length; at++) characters.push(name.charCodeAt(at));
    return characters;
  }
  const bytes = bytesOf(name);
  try {
    return Array.from(strict.decode(bytes), (c) => c.codePointAt(0)!);
  } catch {
    return Array.from(bytes, (byte) => (byte < 0x80 ? byte : RAW_BYTES + byte));
  }
}
