import { FINCH_CONFIG_ERROR_CODES } from "@socikit/finch-config";
import { INFLATE_ERROR_CODES } from "@socikit/inflate";
import { LAZY_ERROR_CODES, LazyReadError } from "@socikit/lazy-reader";
import { OCI_ERROR_CODES, OciError } from "@socikit/oci";
import { REGISTRY_ERROR_CODES, RegistryError } from "@socikit/registry";
import { SOCI_INDEX_ERROR_CODES } from "@socikit/soci-index";
import { ZTOC_ERROR_CODES, ZtocError } from "@socikit/ztoc";
import { expect, test } from "vitest";
import { CLI_ERROR_CODES, CliError } from "./errors.ts";
import { ERROR_TABLE, explainError } from "./error-table.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { locatedError } from "./located-error.ts";

test("ERROR_TABLE has a row for each code of each package, and no other", () => {
  const codes = [
    ...CLI_ERROR_CODES,
    ...FINCH_CONFIG_ERROR_CODES,
    ...INFLATE_ERROR_CODES,
    ...LAZY_ERROR_CODES,
    ...OCI_ERROR_CODES,
    ...REGISTRY_ERROR_CODES,
    ...SOCI_INDEX_ERROR_CODES,
    ...ZTOC_ERROR_CODES,
  ];
  expect(Object.keys(ERROR_TABLE).sort()).toEqual([...codes].sort());
  for (const { exit } of Object.values(ERROR_TABLE)) expect(exit).not.toBe(EXIT_CODES.done);
});

const ARGS = ["create", "x.io/a:1", "--note", "it's"];

test.for<readonly [error: unknown, exit: number, message: string, hint: string | undefined, reason: string]>([
  [
    new OciError("ERR_OCI_DIGEST_MISMATCH", "Cannot verify x"),
    5,
    "Cannot verify x",
    ERROR_TABLE.ERR_OCI_DIGEST_MISMATCH.hint,
    "by its code",
  ],
  [new CliError("ERR_CLI_LOCATION", "Cannot", { hint: "own" }), 2, "Cannot", "own", "an error's own hint wins"],
  [
    new Error("outer", { cause: new OciError("ERR_OCI_SHORT_READ", "inner") }),
    5,
    "outer",
    ERROR_TABLE.ERR_OCI_SHORT_READ.hint,
    "by the code of its cause",
  ],
  [
    Object.assign(new Error("ENOENT: no such file or directory, open '/x'"), {
      code: "ENOENT",
      syscall: "open",
      path: "/x",
    }),
    3,
    "Cannot open /x: no such file or directory",
    "check the path",
    "the host's errors in our words",
  ],
  [new RangeError("Cannot build: span size"), 2, "Cannot build: span size", "socikit --help", "a bad argument"],
  [
    new CliError("ERR_CLI_INTERRUPTED", "Interrupted"),
    130,
    "interrupted",
    undefined,
    "Ctrl-C before anything was running",
  ],
  [new Error("odd"), 1, "odd", "socikit create x.io/a:1 --note 'it'\\''s' --debug", "no code at all"],
  ["thrown text", 1, "thrown text", "socikit create x.io/a:1 --note 'it'\\''s' --debug", "not even an error"],
  [
    locatedError(new OciError("ERR_OCI_SHORT_READ", "Cannot read"), "a.gz"),
    5,
    "a.gz: Cannot read",
    ERROR_TABLE.ERR_OCI_SHORT_READ.hint,
    "with the name of a file",
  ],
  [
    locatedError(
      new LazyReadError("ERR_LAZY_LAYER_TOO_LARGE", "Cannot open: too large; raise maxWholeLayerBytes"),
      "x.io/a:1",
    ),
    1,
    "x.io/a:1: Cannot open: too large",
    "the layer has no zTOC and is too large to be read whole: socikit create IMAGE --min-layer-size 0",
    "without a library's option",
  ],
])("explainError() of %s is %s", ([error, exit, message, hint]) => {
  expect(explainError(error, { args: ARGS, aborted: false })).toEqual({ exit, message, hint });
});

test("explainError() calls everything interrupted that fails after Ctrl-C", () => {
  expect(explainError(new Error("socket hang up"), { args: ARGS, aborted: true }).exit).toBe(EXIT_CODES.interrupted);
});

test.for<readonly [error: Error, args: readonly string[], hint: RegExp, reason: string]>([
  [new ZtocError("ERR_ZTOC_TOO_LARGE", "x"), ["ztoc", "build", "a"], /larger span size/, "a zTOC that is built"],
  [new ZtocError("ERR_ZTOC_TOO_LARGE", "x"), ["ztoc", "info", "a"], /is a zTOC/, "a zTOC that is read"],
  [
    new RegistryError("ERR_REGISTRY_NETWORK", "x", { status: 200 }),
    ["ls", "x.io/a:1"],
    /try again, socikit ls x\.io\/a:1/,
    "an answer that broke off",
  ],
  [new RegistryError("ERR_REGISTRY_NETWORK", "x"), ["ls", "x.io/a:1"], /registry runs/, "no answer"],
  [
    new OciError("ERR_OCI_TOO_LARGE", "Cannot convert image: x would have 9 bytes, written as Go writes it, and 4 are"),
    ["convert", "x.io/a:1", "x.io/b:1"],
    /with create; or give it shorter annotations$/,
    "a manifest that grows",
  ],
  [
    new OciError("ERR_OCI_PLATFORM_NOT_FOUND", "Cannot choose a platform: the index has no images"),
    ["convert", "x.io/a:1", "x.io/b:1"],
    /lists no image$/,
    "nothing to choose from",
  ],
  [
    new RegistryError("ERR_REGISTRY_DENIED", "x", { url: "https://y.io/v2/b/" }),
    ["create", "x.io/a:1", "y.io/b:1"],
    /docker login y\.io/,
    "the registry that refused, of two",
  ],
  [
    new RegistryError("ERR_REGISTRY_UNAUTHORIZED", "x", { url: "https://auth.x.io/token" }),
    ["create", "x.io/a:1", "y.io/b:1"],
    /docker login x\.io /,
    "the image's where another host refused",
  ],
])("hint of %s for %j", ([error, args, hint]) => {
  expect(explainError(error, { args, aborted: false }).hint).toMatch(hint);
});

test("no hint has a placeholder of the table left", () => {
  for (const { hint } of Object.values(ERROR_TABLE)) {
    const error = new CliError("ERR_CLI_LOCATION", "x", { hint });
    expect(explainError(error, { args: ["--nothing"], aborted: false }).hint ?? "").not.toMatch(/[{}]/);
  }
});
