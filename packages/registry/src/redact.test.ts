import { expect, test } from "vitest";
import { redactUrl } from "./redact.ts";

test.for<[string, string, string]>([
  ["a signature", "https://s3.test/b/x?X-Amz-Signature=abc", "https://s3.test/b/x"],
  ["user info and fragment", "https://u:p@r.test:5000/v2/#t", "https://r.test:5000/v2/"],
  ["no URL", "//u:p@r/x?token=t", "//r/x"],
])("redactUrl() hides %s", ([, url, want]) => {
  expect(redactUrl(url)).toBe(want);
});
