import { expect, test } from "vitest";
import { withoutGlobals } from "./global-flags.ts";

test.for<readonly [line: string, args: string, root: string | undefined, reason: string]>([
  ["push x", "push x", undefined, "none"],
  ["--address /run/x.sock -n ci push x", "push x", undefined, "of no use here"],
  ["-a=/run/x.sock --timeout=5s --content-store soci index ls", "index ls", undefined, "with ="],
  ["--root /x index ls", "index ls", "/x", "the store's place"],
  ["-root=/x index ls --root /y", "index ls --root /y", "/x", "and what stands behind the command stays"],
  ["--debug --root /x index ls", "--debug --root /x index ls", undefined, "what is not among them ends them"],
  ["--root", "", undefined, "a value that is missing"],
  ["--version", "--version", undefined, "ours"],
])("withoutGlobals() of %j: %s", ([line, args, root]) => {
  expect(withoutGlobals(line.split(" "))).toEqual({
    args: args === "" ? [] : args.split(" "),
    ...(root === undefined ? {} : { root }),
  });
});
