/**
 * The page of error codes: for each package its codes, the exit code that `socikit` ends with, and what it tells the user to do.
 * @param {readonly { name: string, codes: readonly string[] }[]} packages
 * @param {Readonly<Record<string, { exit: number, hint?: string }>>} table  `ERROR_TABLE` of the command
 * @param {readonly (readonly [code: number, meaning: string])[]} exits  `EXIT_CODE_MEANINGS`
 * @returns {string}
 */
export function errorsPage(packages, table, exits) {
  const sections = packages.map(({ name, codes }) =>
    [
      `## ${name}`,
      "",
      "| code | exit | what to do |",
      "| --- | --- | --- |",
      ...codes.map(
        (code) => `| \`${code}\` | ${table[code].exit} | ${(table[code].hint ?? "").replaceAll("|", "\\|")} |`,
      ),
    ].join("\n"),
  );
  return `${[
    "# Error codes",
    "",
    "<!-- Made from the code by `npm run docs`. Do not edit. -->",
    "",
    "Every error that is not about a wrong argument has a `code`, which is stable; its message is not. Compare `error.code`, not classes: it works across realms and duplicate installs. Wrong arguments are `TypeError` or `RangeError`, aborts reject with `signal.reason`.",
    "",
    "Where the command ends with one, it exits as below and prints the hint; `{line}` stands for the command line as it was typed, `{image}`, `{host}` and `{path}` for the image, registry and path that it names.",
    "",
    "| exit | meaning |",
    "| --- | --- |",
    ...exits.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    "",
    sections.join("\n\n"),
  ].join("\n")}\n`;
}
