import { expect, test } from "vitest";
import { coloursFor, wantsColours } from "./colours.ts";

test.for<readonly [isTTY: boolean, env: Record<string, string>, wanted: boolean, reason: string]>([
  [true, {}, true, "a terminal"],
  [false, {}, false, "a pipe"],
  [true, { NO_COLOR: "1" }, false, "no-color.org"],
  [true, { NO_COLOR: "" }, true, "empty is not set, says no-color.org"],
  [false, { FORCE_COLOR: "1" }, true, "forced into a pipe"],
  [false, { FORCE_COLOR: "" }, true, "empty forces, as in Node"],
  [true, { FORCE_COLOR: "0" }, false, "forced off"],
  [true, { NO_COLOR: "1", FORCE_COLOR: "1" }, false, "NO_COLOR wins"],
  [true, { TERM: "dumb" }, false, "a terminal that cannot"],
])("wantsColours() on terminal %s with %j is %s: %s", ([isTTY, env, wanted]) => {
  expect(wantsColours(isTTY, env)).toBe(wanted);
});

test("coloursFor() paints, or leaves text as it is", () => {
  expect(coloursFor(true).red("no")).toBe("\u001b[31mno\u001b[39m");
  expect(coloursFor(false).red("no")).toBe("no");
});
