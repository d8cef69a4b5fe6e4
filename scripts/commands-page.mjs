/**
 * The page of commands, from the table that parsing and help come from.
 * @param {readonly import("@socikit/cli").CommandSpec[]} commands
 * @param {(command: import("@socikit/cli").CommandSpec) => string} usageOf
 * @returns {string}
 */
export function commandsPage(commands, usageOf) {
  return `${[
    "# Commands",
    "",
    "<!-- Made from the code by `npm run docs`. Do not edit. -->",
    "",
    "`SRC`, `DST` and `REF` are `host/repo:tag`, `host/repo@digest`, `oci-layout:DIR[:tag][@digest]` or `oci-archive:FILE[:tag][@digest]`. Results go to stdout, everything else to stderr; `--json` prints data.",
    ...commands.map((command) => `\n${section(command, usageOf)}`),
  ].join("\n")}\n`;
}

function section(command, usageOf) {
  const cell = (text) => text.replaceAll("|", "\\|");
  const options = command.options.map((option) => {
    const value = option.kind === "flag" ? "" : ` ${option.value ?? "VALUE"}`;
    const short = option.short === undefined ? "" : `-${option.short}, `;
    const byDefault = option.byDefault === undefined ? "" : ` (by default: ${option.byDefault})`;
    return `| \`${short}--${option.name}${value}\` | ${cell(option.summary + byDefault)} |`;
  });
  return [
    `## socikit ${command.name.join(" ")}`,
    "",
    `\`${usageOf(command)}\`: ${command.summary}.${(command.aliases ?? []).map((alias) => ` Also \`${[...command.name.slice(0, -1), alias].join(" ")}\`.`).join("")}`,
    ...command.description.flatMap((paragraph) => ["", paragraph]),
    ...(command.arguments.length === 0
      ? []
      : [
          "",
          "| argument | |",
          "| --- | --- |",
          ...command.arguments.map(({ name, summary }) => `| \`${name}\` | ${cell(summary)} |`),
        ]),
    ...(options.length === 0 ? [] : ["", "| option | |", "| --- | --- |", ...options]),
    ...(command.json === undefined ? [] : ["", `\`--json\` prints \`${command.json}\`.`]),
    ...(command.examples.length === 0
      ? []
      : ["", "```sh", ...command.examples.flatMap(({ line, summary }) => [`# ${summary}`, line]), "```"]),
  ].join("\n");
}
