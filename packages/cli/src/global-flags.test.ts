import { expect, test } from "vitest";
import { withoutGlobals } from "./global-flags.ts";

test.for<readonly [line: string, args: string, given: { root?: string; timeout?: string }, reason: string]>([
  ["push x", "push x", {}, "none"],
  ["--address /run/x.sock -n ci push x", "push x", {}, "of no use here"],
  ["-a=/run/x.sock --timeout=5s --content-store soci index ls", "index ls", { timeout: "5s" }, "with ="],
  ["--root /x index ls", "index ls", { root: "/x" }, "the store's place"],
  ["-root=/x index ls --root /y", "index ls --root /y", { root: "/x" }, "and what stands behind the command stays"],
  ["--debug --root /x index ls", "--debug index ls", { root: "/x" }, "one that is ours stays, and ends nothing"],
  ["-n ci -debug --timeout 1m push x", "--debug push x", { timeout: "1m" }, "with one dash, too"],
  ["--wat --root /x index ls", "--wat --root /x index ls", {}, "what is not among them ends them"],
  ["--root", "", {}, "a value that is missing"],
  ["--version", "--version", {}, "ours"],
])("withoutGlobals() of %j: %s", ([line, args, given]) => {
  expect(withoutGlobals(line.split(" "))).toEqual({
    args: args === "" ? [] : args.split(" "),
    ...given,
  });
});
