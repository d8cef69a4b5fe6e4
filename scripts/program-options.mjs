import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * Options of a program whose first comment says how it is used: `--help` prints that comment and ends, and so does what it does not
 * know, with what that was and exit code 2.
 *
 * @param {string} url The program's `import.meta.url`.
 * @param {import("node:util").ParseArgsConfig} config
 */
export function programOptions(url, config) {
  let parsed;
  try {
    parsed = parseArgs({
      ...config,
      options: { ...config.options, help: { type: "boolean", short: "h", default: false } },
    });
  } catch (error) {
    console.error(`${usageOf(url)}\n\n${error.message}`);
    process.exit(2);
  }
  if (parsed.values.help) {
    console.log(usageOf(url));
    process.exit(0);
  }
  return parsed;
}

/** The text of a program's first block comment. */
function usageOf(url) {
  const source = readFileSync(fileURLToPath(url), "utf8");
  const comment = /\/\*\*\n(.*?)\n \*\//s.exec(source)?.[1] ?? "";
  return comment.replaceAll(/^ \* ?/gm, "");
}
