import { expect, test } from "vitest";
import { printable, redactUrl } from "./redact.ts";

test.for<[string, string, string]>([
  ["a signature", "https://s3.test/b/x?X-Amz-Signature=abc", "https://s3.test/b/x"],
  ["user info and fragment", "https://u:p@r.test:5000/v2/#t", "https://r.test:5000/v2/"],
  ["no URL", "//u:p@r/x?token=t", "//r/x"],
])("redactUrl() hides %s", ([, url, want]) => {
  expect(redactUrl(url)).toBe(want);
});

test("printable() escapes what a terminal obeys, and cuts", () => {
  expect(printable("a\u001b[2Jb\u202ec\n\u009b")).toBe("a\\u001b[2Jb\\u202ec\\u000a\\u009b");
  expect(printable("abcd", 4)).toBe("abcd");
  expect(printable("abcde", 4)).toBe("abcd…");
  expect(printable("größe 日本")).toBe("größe 日本");
});
