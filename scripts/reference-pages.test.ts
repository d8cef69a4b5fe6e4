// docs/errors.md and docs/commands.md are what the code says. `npm run docs` writes them anew.
import { CLI_ERROR_CODES, COMMANDS, ERROR_TABLE, EXIT_CODE_MEANINGS, usageOf } from "@socikit/cli";
import { FINCH_CONFIG_ERROR_CODES } from "@socikit/finch-config";
import { INFLATE_ERROR_CODES } from "@socikit/inflate";
import { LAZY_ERROR_CODES } from "@socikit/lazy-reader";
import { OCI_ERROR_CODES } from "@socikit/oci";
import { REGISTRY_ERROR_CODES } from "@socikit/registry";
import { SOCI_INDEX_ERROR_CODES } from "@socikit/soci-index";
import { ZTOC_ERROR_CODES } from "@socikit/ztoc";
import { expect, test } from "vitest";
import { commandsPage } from "./commands-page.mjs";
import { errorsPage } from "./errors-page.mjs";

const packages = [
  { name: "@socikit/oci", codes: OCI_ERROR_CODES },
  { name: "@socikit/inflate", codes: INFLATE_ERROR_CODES },
  { name: "@socikit/ztoc", codes: ZTOC_ERROR_CODES },
  { name: "@socikit/soci-index", codes: SOCI_INDEX_ERROR_CODES },
  { name: "@socikit/registry", codes: REGISTRY_ERROR_CODES },
  { name: "@socikit/lazy-reader", codes: LAZY_ERROR_CODES },
  { name: "@socikit/finch-config", codes: FINCH_CONFIG_ERROR_CODES },
  { name: "@socikit/cli", codes: CLI_ERROR_CODES },
];

test("docs/errors.md is what the code arrays and the command's table say", async () => {
  await expect(errorsPage(packages, ERROR_TABLE, EXIT_CODE_MEANINGS)).toMatchFileSnapshot("../docs/errors.md");
});

test("docs/commands.md is what the command table says", async () => {
  await expect(commandsPage(COMMANDS, usageOf)).toMatchFileSnapshot("../docs/commands.md");
});

test("each code belongs to one package and has its row in the command's table", () => {
  const codes = packages.flatMap((each) => each.codes as readonly string[]);
  expect(new Set(codes).size).toBe(codes.length);
  expect(Object.keys(ERROR_TABLE).toSorted()).toEqual(codes.toSorted());
});
