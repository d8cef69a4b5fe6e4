// Finds what a source file imports. The formatter puts every import and export statement at the start of a line, so a line scan is
// enough: TypeScript 7 has no API to ask, and examples in doc comments start with an asterisk.

/** @typedef {{ readonly specifier: string, readonly line: number, readonly typeOnly: boolean }} Import */

const STATEMENT = /^(import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']/gm;
const CALL = /\bimport\(\s*["']([^"']+)["']/g;

/**
 * Lists the module specifiers of a source text: static imports, re-exports, `import()` and types by `import("...")`.
 * @param {string} text
 * @returns {readonly Import[]}
 */
export function importsOf(text) {
  const found = [];
  const lineAt = (/** @type {number} */ index) => text.slice(0, index).split("\n").length;
  for (const match of text.matchAll(STATEMENT)) {
    found.push({ specifier: match[3], line: lineAt(match.index), typeOnly: match[2] !== undefined });
  }
  for (const match of text.matchAll(CALL)) {
    const start = text.lastIndexOf("\n", match.index) + 1;
    if (/^\s*\*|\/\/|\/\*/.test(text.slice(start, match.index))) continue;
    found.push({
      specifier: match[1],
      line: lineAt(match.index),
      typeOnly: /\btypeof\s+$/.test(text.slice(start, match.index)),
    });
  }
  return found;
}
