import { expect, test } from "vitest";
import { didYouMean } from "./did-you-mean.ts";

const CANDIDATES = ["create", "serve", "ls", "cat", "ztoc build", "ztoc info", "--plain-http"];

test.for<readonly [given: string, meant: string | undefined, reason: string]>([
  ["creat", "create", "a letter is missing"],
  ["sevre", "serve", "two neighbours are swapped"],
  ["ztoc biuld", "ztoc build", "a slip in the second word"],
  ["LS", "ls", "letter case is no difference"],
  ["--plain-htp", "--plain-http", "an option"],
  ["push", undefined, "it is near nothing"],
  ["x", undefined, "one letter is too few to guess from"],
])("didYouMean() of %s is %s: %s", ([given, meant]) => {
  expect(didYouMean(given, CANDIDATES)).toBe(meant);
});
