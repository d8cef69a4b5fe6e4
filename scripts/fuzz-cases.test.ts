/** Replays what fuzzing has kept (testdata/fuzz-cases): each case gives a value, or an error with a code, in a second. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as oci from "@socikit/oci";
import * as sociIndex from "@socikit/soci-index";
import { decodePrefetchList } from "@socikit/soci-index/build";
import { decodeCatalogue, encodeCatalogue } from "@socikit/soci-index/node";
import { loadInflate } from "@socikit/inflate";
import * as ztoc from "@socikit/ztoc";
import { buildZtoc, ResumableBuild } from "@socikit/ztoc/build";
import { expect, test } from "vitest";
import { createTargets } from "../fuzz/targets.mjs";
import { readArchiveMembers } from "../packages/registry/src/node/archive-members.ts";
import { chooseLayer } from "../packages/soci-index/src/create/layer-choice.ts";
import { parsePax } from "../packages/ztoc/src/pax.ts";
import { parseTarHeader } from "../packages/ztoc/src/tar-header.ts";
import { TarParser } from "../packages/ztoc/src/tar-parser.ts";

const directory = fileURLToPath(new URL("../testdata/fuzz-cases/", import.meta.url));
const inflate = await loadInflate();
const targets = await createTargets(
  {
    ...oci,
    ...sociIndex,
    ...ztoc,
    buildZtoc,
    chooseLayer,
    decodeCatalogue,
    decodePrefetchList,
    encodeCatalogue,
    readArchiveMembers,
    ResumableBuild,
    inflate,
    TarParser,
    parseTarHeader,
    parsePax,
  },
  [],
);
const names = readdirSync(directory);

test("there are cases for each target", () => {
  expect(names.sort()).toEqual(Object.keys(targets).sort());
});

test.each(names)("%s", async (name) => {
  const cases = existsSync(directory + name) ? readdirSync(`${directory}${name}`) : [];
  expect(cases.length).toBeGreaterThan(0);
  for (const file of cases) {
    const began = performance.now();
    const error: unknown = await Promise.resolve()
      .then(() => targets[name].run(new Uint8Array(readFileSync(`${directory}${name}/${file}`))))
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    const code = (error as { code?: unknown } | undefined)?.code;
    expect(error === undefined || typeof code === "string" ? "an answer" : error, file).toBe("an answer");
    // A second of work; machines that do other things take longer.
    expect(performance.now() - began, file).toBeLessThan(5000);
  }
});
