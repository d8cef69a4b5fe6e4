import { InflateError } from "@socikit/inflate";
import { expect, test } from "vitest";
import { ZtocError } from "./errors.ts";
import { receivedError, sentError } from "./sent-error.ts";

const cause = new InflateError("ERR_INFLATE_DATA", 17, "Cannot inflate: x");

test.for<[string, Error]>([
  ["a ZtocError with its cause", new ZtocError("ERR_ZTOC_GZIP_DATA", "Cannot index layer: x", { cause })],
  ["an InflateError", cause],
  ["a RangeError, such as that of memory that is not there", new RangeError("Array buffer allocation failed")],
  ["a TypeError", new TypeError("x is not a function")],
  ["another error, by name", new DOMException("gone", "DataCloneError") as Error],
])("receivedError(sentError()) of %s is the same", ([, error]) => {
  const received = receivedError(structuredClone(sentError(error)));
  expect(received.name).toBe(error.name);
  expect(received.message).toBe(error.message);
  expect(received.stack).toBe(error.stack);
  if (error.constructor.name !== "DOMException") expect(received.constructor).toBe(error.constructor);
  expect(received).toMatchObject({
    ...("code" in error && typeof error.code === "string" ? { code: error.code } : {}),
    ...("offset" in error ? { offset: error.offset } : {}),
  });
  if (error.cause !== undefined) expect(received.cause).toMatchObject({ name: "InflateError", offset: 17 });
});

test("sentError() of what is no error, and of causes without an end", () => {
  expect(receivedError(sentError("oops")).message).toBe("oops");
  const endless = new Error("a");
  endless.cause = endless;
  let depth = 0;
  for (let error: unknown = receivedError(sentError(endless)); error instanceof Error; error = error.cause) depth++;
  expect(depth).toBe(5);
});
