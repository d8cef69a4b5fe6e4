import { expect, test } from "vitest";
import { isDenied, isNotFound, isRetryable, isUnsupported, retryAfterOf } from "./port-error.ts";

test.for<readonly [error: unknown, retryable: boolean, notFound: boolean, retryAfterMs: number | undefined]>([
  [Object.assign(new Error("429"), { retryable: true, retryAfterMs: 7_000 }), true, false, 7_000],
  [Object.assign(new Error("404"), { notFound: true }), false, true, undefined],
  [new Error("plain"), false, false, undefined],
  [{ retryable: "yes", notFound: 1, retryAfterMs: -1 }, false, false, undefined],
  [undefined, false, false, undefined],
  [null, false, false, undefined],
  ["text", false, false, undefined],
])("facts of %j", ([error, retryable, notFound, retryAfterMs]) => {
  expect([isRetryable(error), isNotFound(error), retryAfterOf(error)]).toEqual([retryable, notFound, retryAfterMs]);
});

test.for<readonly [error: unknown, unsupported: boolean, denied: boolean]>([
  [Object.assign(new Error("405"), { unsupported: true }), true, false],
  [Object.assign(new Error("403"), { denied: true }), false, true],
  [{ unsupported: 1, denied: "yes" }, false, false],
  [undefined, false, false],
])("what %j says of what may be done", ([error, unsupported, denied]) => {
  expect([isUnsupported(error), isDenied(error)]).toEqual([unsupported, denied]);
});
