import { Composer, isMap, Lexer, Parser, visit, type CST, type Document, type ParsedNode, type YAMLMap } from "yaml";
import { FinchConfigError, type FilePosition, type FinchConfigErrorCode } from "./errors.ts";

/** Largest file read, in UTF-8 bytes. Real ones have some hundred. */
const MAX_BYTES = 512 * 1024;
/** Words, marks, breaks and comments. What is nested is parsed at some microseconds each. */
const MAX_LEXEMES = 100_000;
/** Keys are compared pairwise for duplicates, so this bounds a square. */
const MAX_NODES = 10_000;
/** Composing recurses. */
const MAX_DEPTH = 64;
/** Each alias can at most double what an expansion holds. */
const MAX_ALIASES = 10;

/** The first document of a `finch.yaml`: its text, its nodes with their places, and where it ends. */
export interface FinchDocument {
  /** The whole file. */
  readonly text: string;
  /** Nodes, with source tokens. */
  readonly yaml: Document.Parsed;
  /** The top-level map; `undefined` for a file of white space and comments, or a bare null. */
  readonly root: YAMLMap.Parsed | undefined;
  /** Where the document ends: at `...`, at the next `---`, or at the end of the file. Finch reads no further. */
  readonly end: number;
}

/**
 * Parses the first document within limits: size, nodes, depth, aliases.
 *
 * @throws {FinchConfigError} `ERR_FINCH_CONFIG_SYNTAX`, `ERR_FINCH_CONFIG_VALUE` where the top level is not a map,
 * `ERR_FINCH_CONFIG_TOO_LARGE`.
 */
export function parseFinchDocument(text: string): FinchDocument {
  if (text.length > MAX_BYTES || new TextEncoder().encode(text).length > MAX_BYTES)
    throw new FinchConfigError("ERR_FINCH_CONFIG_TOO_LARGE", `Cannot read finch.yaml: it is over ${MAX_BYTES} bytes`);
  // Finch's reader is YAML 1.1 here and ends lines at each of these; YAML 1.2 does not. A file with one means two things.
  const odd = /\r(?!\n)|[\u0085\u2028\u2029]/.exec(text);
  if (odd !== null)
    throw configError(text, "ERR_FINCH_CONFIG_SYNTAX", "a line ends in a character that is not a line feed", odd.index);

  const tokens: CST.Token[] = [];
  let end = text.length;
  let seen = false;
  for (const token of tokensOf(text)) {
    if (seen && (token.type === "document" || token.type === "doc-end")) {
      end = token.offset;
      break;
    }
    seen ||= token.type === "document";
    tokens.push(token);
  }
  checkLimits(text, tokens);
  const composer = new Composer({ keepSourceTokens: true, schema: "core", merge: false, prettyErrors: false });
  // `true` makes it yield a document for any input; end of the first one is end of input.
  const [yaml] = [...composer.compose(tokens, true, end)];
  if (yaml === undefined) throw configError(text, "ERR_FINCH_CONFIG_SYNTAX", "there is no document in it");
  const [error] = yaml.errors;
  if (error !== undefined)
    throw configError(text, "ERR_FINCH_CONFIG_SYNTAX", lowerFirst(error.message), error.pos[0], error);
  visit(yaml, {
    Alias(_, alias) {
      if (alias.resolve(yaml) === undefined)
        throw configError(text, "ERR_FINCH_CONFIG_SYNTAX", `*${alias.source} stands for nothing`, alias.range?.[0]);
    },
  });
  return { text, yaml, root: rootOf(text, yaml.contents), end };
}

function rootOf(text: string, contents: ParsedNode | null): YAMLMap.Parsed | undefined {
  if (contents === null) return undefined;
  if (isMap(contents)) return contents as YAMLMap.Parsed;
  if ("value" in contents && contents.value === null) return undefined;
  throw configError(text, "ERR_FINCH_CONFIG_VALUE", "it is not a map of settings such as cpus: 4", contents.range[0]);
}

/** A {@linkcode FinchConfigError} about a place of the text. */
export function configError(
  text: string,
  code: FinchConfigErrorCode,
  what: string,
  offset?: number,
  cause?: unknown,
): FinchConfigError {
  const action = code === "ERR_FINCH_CONFIG_NOT_EDITABLE" ? "edit" : "read";
  return new FinchConfigError(code, `Cannot ${action} finch.yaml: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    ...(offset === undefined ? {} : { at: positionOf(text, offset) }),
  });
}

function positionOf(text: string, offset: number): FilePosition {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function* tokensOf(text: string): Generator<CST.Token> {
  const parser = new Parser();
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > MAX_LEXEMES)
      throw configError(text, "ERR_FINCH_CONFIG_TOO_LARGE", `it has over ${MAX_LEXEMES} words and marks`);
    yield* parser.next(lexeme);
  }
  yield* parser.end();
}

/** Counts before anything recurses over the tokens. */
function checkLimits(text: string, tokens: readonly CST.Token[]): void {
  const tooLarge = (what: string, offset: number): FinchConfigError =>
    configError(text, "ERR_FINCH_CONFIG_TOO_LARGE", what, offset);
  const pending = tokens.map((token) => ({ token, depth: 0 }));
  let nodes = 0;
  let aliases = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (++nodes > MAX_NODES) throw tooLarge(`it has over ${MAX_NODES} values`, token.offset);
    if (depth > MAX_DEPTH) throw tooLarge(`it is nested over ${MAX_DEPTH} deep`, token.offset);
    if (token.type === "alias" && ++aliases > MAX_ALIASES)
      throw tooLarge(`it has over ${MAX_ALIASES} aliases`, token.offset);
    if (token.type === "document" && token.value !== undefined) pending.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const item of token.items) {
      if (item.key) pending.push({ token: item.key, depth: depth + 1 });
      if (item.value) pending.push({ token: item.value, depth: depth + 1 });
    }
  }
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
