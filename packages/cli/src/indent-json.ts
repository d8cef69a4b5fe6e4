/**
 * JSON with line breaks and two blanks a level, as Go's `json.Indent` sets it: members stay in their order, numbers and strings as
 * they are written, empty lists and objects in one piece.
 *
 * @param text JSON; what is not, comes out as it may.
 */
export function indentJson(text: string): string {
  let indented = "";
  let depth = 0;
  // Whether an object or list was opened and nothing is in it yet.
  let opened = false;
  const newline = (): string => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\[^])*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const isEnd = token === "}" || token === "]";
    if (isEnd) depth--;
    if (opened !== isEnd && (opened || isEnd)) indented += newline();
    opened = token === "{" || token === "[";
    if (opened) depth++;
    indented += token;
    if (token === ":") indented += " ";
    if (token === ",") indented += newline();
  }
  return indented;
}
