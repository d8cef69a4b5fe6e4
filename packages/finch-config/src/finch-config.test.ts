import fc from "fast-check";
import { expect, test } from "vitest";
import { FINCH_CONFIG_ERROR_CODES, FinchConfigError } from "./errors.ts";
import { defaultSnapshotter, parseFinchConfig } from "./finch-config.ts";

// What Finch's own reader does with each, run: spec/finch.md section 2.4.
test.for([
  ["nothing", "", {}],
  ["comments and unknown keys", "# c1\ncpus: 4 # inline\nfuture_key: 7\n", { cpus: 4 }],
  [
    "all of them",
    "cpus: 4\nmemory: 4GiB\nsnapshotters: [soci, overlayfs]\ncreds_helpers:\n    - osxkeychain\n",
    { cpus: 4, memory: "4GiB", snapshotters: ["soci", "overlayfs"], credsHelpers: ["osxkeychain"] },
  ],
  ["an empty setting as an absent one", "snapshotters:\nmemory: ~\ncreds_helpers: []\ncpus: null\n", {}],
  ["a name that is a number", "snapshotters:\n  - 1\n", { snapshotters: ["1"] }],
  ["a name that is yes", "snapshotters: [yes, true, 0x1F]\n", { snapshotters: ["yes", "true", "0x1F"] }],
  ["an empty item, which is dropped", "snapshotters:\n  -\n  - soci\n", { snapshotters: ["soci"] }],
  ["names in another case as they are", "snapshotters: [SOCI]\n", { snapshotters: ["SOCI"] }],
  ["a key in another case as unknown", "Snapshotters: [soci]\n", {}],
  ["a fraction truncated", "cpus: 4.5\n", { cpus: 4 }],
  ["memory without a unit as text", "memory: 4\n", { memory: "4" }],
  ["the first document alone", "cpus: &c 3\nmemory: 4GiB\n---\ncpus: 9\n", { cpus: 3, memory: "4GiB" }],
  ["an alias", "snapshotters: &s\n  - soci\ncreds_helpers: *s\n", { snapshotters: ["soci"], credsHelpers: ["soci"] }],
  ["a list under YAML 1.1", "%YAML 1.1\n---\nsnapshotters: [on]\n", { snapshotters: ["on"] }],
  ["a key that objects have", "__proto__: 1\ncpus: 2\n", { cpus: 2 }],
] as const)("parseFinchConfig() reads %s", ([, yaml, want]) => {
  expect(parseFinchConfig(yaml)).toEqual(want);
});

test.for([
  ["text for a list", "snapshotters: soci\n", "VALUE", 1, 15, /"soci", not a list/],
  [
    "a list without spaces, as an example has it",
    "snapshotters:\n    -overlayfs\n    -soci\n",
    "VALUE",
    2,
    5,
    /a space after its dash/,
  ],
  ["a map for a list", "snapshotters: {soci: true}\n", "VALUE", 1, 15, /a map, not a list/],
  ["a list for a name", "snapshotters:\n  - [soci]\n", "VALUE", 2, 5, /not a name/],
  ["text for a number", 'cpus: "4"\n', "VALUE", 1, 7, /not a number/],
  ["a word for a number", "cpus: four\n", "VALUE", 1, 7, /"four", not a number/],
  ["a list for a size", "memory: [4GiB]\n", "VALUE", 1, 1, /not a size/],
  ["a list for the file", "- soci\n", "VALUE", 1, 1, /not a map/],
  ["a merge key", "x: &x {snapshotters: [soci]}\n<<: *x\n", "VALUE", 2, 1, /merge keys/],
  ["a key twice", "cpus: 4\ncpus: 5\n", "SYNTAX", 2, 1, /unique/],
  ["a tab for indentation", "snapshotters:\n\t- soci\n", "SYNTAX", 2, 1, /[Tt]ab/],
  ["an alias of nothing", "cpus: *x\n", "SYNTAX", 1, 7, /\*x stands for nothing/],
  ["an unended string", 'memory: "4GiB\n', "SYNTAX", 2, 1, /missing closing/i],
  ["a lone carriage return", "cpus: 4\rmemory: 4GiB\n", "SYNTAX", 1, 8, /line feed/],
  ["a line separator", "cpus: 4 # \u2028snapshotters: [x]\n", "SYNTAX", 1, 11, /line feed/],
] as const)("parseFinchConfig() refuses %s", ([, yaml, code, line, column, message]) => {
  const error = errorOf(() => parseFinchConfig(yaml));
  expect(error).toMatchObject({ code: `ERR_FINCH_CONFIG_${code}`, line, column });
  expect(error.message).toMatch(message);
  expect(error.message).toMatch(new RegExp(`^Cannot read finch.yaml: .* \\(line ${line}, column ${column}\\)$`, "s"));
});

test.for([
  ["bytes", (n: number) => `# ${"é".repeat((n - 2) / 2)}`, 512 * 1024, 2],
  ["values", (n: number) => `x: [${"a,".repeat(n - 5)}a]`, 10_000, 1],
  ["levels", (n: number) => `x: ${"[".repeat(n)}${"]".repeat(n)}`, 64, 1],
  ["aliases", (n: number) => `x: &x 1\ny: [${"*x,".repeat(n)}]`, 10, 1],
] as const)("parseFinchConfig() takes so many %s and no more", ([, yaml, limit, step]) => {
  expect(parseFinchConfig(yaml(limit))).toEqual({});
  expect(errorOf(() => parseFinchConfig(yaml(limit + step)))).toMatchObject({ code: "ERR_FINCH_CONFIG_TOO_LARGE" });
});

test("parseFinchConfig() ends soon for the worst of half a megabyte", () => {
  for (const piece of ["[", "- ", "? ", "{a: ", "a: &a\n", "*a ", "'", "a:\n"]) {
    const started = performance.now();
    expect(errorOf(() => parseFinchConfig(piece.repeat(Math.floor((512 * 1024) / piece.length))))).toBeInstanceOf(
      FinchConfigError,
    );
    expect(performance.now() - started, piece).toBeLessThan(5_000);
  }
});

test.for([
  ["no file", "", "overlayfs"],
  ["an empty list", "snapshotters: []", "overlayfs"],
  ["soci second", "snapshotters: [overlayfs, soci]", "overlayfs"],
  ["soci alone", "snapshotters:\n    - soci\n", "soci"],
  ["one that Finch will refuse", "snapshotters: [stargz]", "stargz"],
] as const)("defaultSnapshotter() with %s", ([, yaml, want]) => {
  expect(defaultSnapshotter(yaml)).toBe(want);
});

test("defaultSnapshotter() does not stop at settings that it does not need", () => {
  expect(defaultSnapshotter("cpus: four\nsnapshotters: [soci]\n")).toBe("soci");
});

test("parseFinchConfig() of any text gives settings or a coded error", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom(..."a:-[]{}&*!|>'\"#%@,? \n\t\r~<".split("")) }),
      ),
      (yaml) => {
        try {
          parseFinchConfig(yaml);
        } catch (error) {
          if (!(error instanceof FinchConfigError)) throw error;
          expect(FINCH_CONFIG_ERROR_CODES).toContain(error.code);
        }
      },
    ),
    { numRuns: 600 },
  );
});

function errorOf(run: () => unknown): FinchConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof FinchConfigError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
