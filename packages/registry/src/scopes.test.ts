import { expect, test } from "vitest";
import { coversScopes, mergeScopes, repositoryScope } from "./scopes.ts";

test("mergeScopes() gives one scope a resource, in one order", () => {
  expect(
    mergeScopes(["repository:b:push", "repository:a:pull", "repository:b:pull,push", "aws", "registry:catalog:*"]),
  ).toEqual(["aws", "registry:catalog:*", "repository:a:pull", "repository:b:pull,push"]);
  expect(mergeScopes(["repository:host:5000/a:pull"])).toEqual(["repository:host:5000/a:pull"]);
});

test.for<[string, string[], string[], boolean]>([
  ["the same", ["repository:a:pull"], ["repository:a:pull"], true],
  ["more actions", ["repository:a:pull,push"], ["repository:a:pull"], true],
  ["fewer actions", ["repository:a:pull"], ["repository:a:pull,push"], false],
  ["another repository", ["repository:a:pull,push"], ["repository:b:pull"], false],
  ["one that is for two repositories", ["repository:a:pull", "repository:b:pull"], ["repository:a:pull"], false],
])("coversScopes() of %s", ([, granted, wanted, want]) => {
  expect(coversScopes(granted, wanted)).toBe(want);
});

test("repositoryScope() sorts actions", () => {
  expect(repositoryScope("a/b", "push", "pull")).toBe("repository:a/b:pull,push");
});
