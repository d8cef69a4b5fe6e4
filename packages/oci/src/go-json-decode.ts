import { utf8Length, wellFormed } from "./utf8.ts";

/**
 * A decoded JSON value. Objects are Maps, so no member name is special; a number that is not written as an integer is
 * its text, in a {@linkcode JsonFraction}.
 */
export type Json = null | boolean | number | string | JsonFraction | readonly Json[] | JsonObject;

/** A JSON object: its members in the order of the text. */
export type JsonObject = ReadonlyMap<string, Json>;

/** A number with a fraction or an exponent. Go refuses it where an integer is wanted, even for `1.0` and `1e3`. */
export class JsonFraction {
  /** As written. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Deepest nesting. Manifests have 4 levels, configs some more; the parser recurses. */
const MAX_DEPTH = 100;

/**
 * Decodes JSON as Go's `encoding/json` does (spec section 8.1), and refuses what readers take differently: a member
 * twice in an object. A byte that is not UTF-8 and half of a surrogate pair become U+FFFD, each; a byte order mark and
 * anything after the value are errors.
 *
 * @throws {SyntaxError} saying what is wrong and at which character.
 */
export function decodeGoJson(bytes: Uint8Array): Json {
  const scanner = new JsonScanner(decodeUtf8(bytes));
  return scanner.document();
}

/**
 * The name under which Go finds a member: names match exactly or, failing that, without regard to case (ASCII, and the
 * two letters beyond it that fold into ASCII).
 */
export function foldName(name: string): string {
  return name
    .replaceAll("\u017f", "s")
    .replaceAll("\u212a", "k")
    .replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

class JsonScanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Json {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new SyntaxError(`it is nested over ${MAX_DEPTH} deep`);
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#list(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.#at++;
    if (this.#takes("}")) return members;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#unexpected();
      const name = this.#string();
      if (members.has(name)) throw new SyntaxError(`it has ${JSON.stringify(name.slice(0, 100))} twice in one object`);
      if (!this.#takes(":")) throw this.#unexpected();
      members.set(name, this.#value(depth + 1));
    } while (this.#takes(","));
    if (!this.#takes("}")) throw this.#unexpected();
    return members;
  }

  #list(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.#at++;
    if (this.#takes("]")) return items;
    do items.push(this.#value(depth + 1));
    while (this.#takes(","));
    if (!this.#takes("]")) throw this.#unexpected();
    return items;
  }

  #string(): string {
    let at = this.#at + 1;
    for (;;) {
      // A loop, since a pattern for the whole string takes stack for each character of it.
      SPECIAL.lastIndex = at;
      const special = SPECIAL.exec(this.#text);
      at = special?.index ?? this.#text.length;
      if (special?.[0] === '"') break;
      if (special?.[0] !== "\\") {
        this.#at = at;
        throw this.#unexpected();
      }
      at += 2;
    }
    const token = this.#text.slice(this.#at, at + 1);
    let text = token.slice(1, -1);
    if (text.includes("\\")) {
      try {
        text = JSON.parse(token) as string;
      } catch {
        throw new SyntaxError(`it is not JSON: the string at character ${this.#at} has an unknown escape`);
      }
    }
    this.#at = at + 1;
    return wellFormed(text);
  }

  #number(): number | JsonFraction {
    const token = this.#match(NUMBER);
    if (token === undefined) throw this.#unexpected();
    // + 0 makes -0 the 0 that Go's integers have.
    return /[.eE]/.test(token) ? new JsonFraction(token) : Number(token) + 0;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  #takes(mark: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #unexpected(): SyntaxError {
    const found = this.#text[this.#at];
    const what = found === undefined ? "it ends early" : `${JSON.stringify(found)} is out of place`;
    return new SyntaxError(`it is not JSON: ${what} at character ${this.#at}`);
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** What ends a string or needs a look; JSON has no control characters in one. */
// oxlint-disable-next-line no-control-regex
const SPECIAL = /["\\\u0000-\u001f]/g;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    // One U+FFFD a byte, as Go has it; TextDecoder would put one for several.
    let text = "";
    let from = 0;
    for (let at = 0; at <= bytes.length;) {
      const length = utf8Length(bytes, at);
      if (length > 0) {
        at += length;
        continue;
      }
      text += strict.decode(bytes.subarray(from, at));
      if (at < bytes.length) text += "\ufffd";
      from = ++at;
    }
    return text;
  }
}
