import { existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * Writes tables to a Markdown file: in place of what is between `<!-- NAME -->` and `<!-- end of NAME -->`, if it has
 * such lines, else as all of the file.
 */
export function writeMarkdownSection(file, name, text) {
  const begin = `<!-- ${name} -->`;
  const end = `<!-- end of ${name} -->`;
  const section = `${begin}\n\n${text.trim()}\n\n${end}`;
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  const whole =
    from >= 0 && to > from ? before.slice(0, from) + section + before.slice(to + end.length) : `${section}\n`;
  writeFileSync(file, whole);
}

/** A table: a row is an array of cells. */
export function markdownTable(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
