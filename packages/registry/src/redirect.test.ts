import { expect, test } from "vitest";
import { crossOriginHeaders, isRedirect, mayContact, signedUrlLifetimeMs } from "./redirect.ts";

test.for<[string, string, string, string]>([
  ["relative", "https://r.example/v2/a/blobs/x", "/b?c=d", "https://r.example/b?c=d"],
  ["another host", "https://r.example/v2/", "https://cdn.test/x?sig=1", "https://cdn.test/x?sig=1"],
  ["http to https", "http://r.example/v2/", "https://r.example/x", "https://r.example/x"],
  ["http to http", "http://r.example/v2/", "http://s.example/x", "http://s.example/x"],
  ["this machine from this machine", "http://127.0.0.1:5000/", "http://127.0.0.1:5001/x", "http://127.0.0.1:5001/x"],
  ["a private address (Harbor and its MinIO)", "https://harbor.corp/", "https://10.0.0.5/x", "https://10.0.0.5/x"],
  ["a fragment is dropped", "https://r.example/", "https://r.example/x#f", "https://r.example/x"],
])("mayContact() allows %s", ([, from, location, want]) => {
  expect(mayContact(new URL(from), location, "redirect").href).toBe(want);
});

test.for<[string, string, string]>([
  ["https to http", "https://r.example/", "http://r.example/x"],
  ["file:", "https://r.example/", "file:///etc/passwd"],
  ["user info", "https://r.example/", "https://u:secret@r.example/"],
  ["this machine from elsewhere", "http://r.example/", "http://127.0.0.1/x"],
  ["this machine in disguise", "http://r.example/", "http://[::ffff:127.0.0.1]/x"],
  ["this machine as a number", "http://r.example/", "http://2130706433/x"],
  ["the metadata service", "https://r.example/", "https://169.254.169.254/latest"],
  ["no URL", "https://r.example/", "https://[/?token=secret"],
])("mayContact() refuses %s", ([, from, location]) => {
  let error: unknown;
  try {
    mayContact(new URL(from), location, "redirect");
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: "ERR_REGISTRY_REDIRECT" });
  expect(String(error)).not.toContain("secret");
});

test("crossOriginHeaders() lets nothing through that it does not know", () => {
  const headers = {
    authorization: "Bearer x",
    cookie: "a",
    "x-custom-token": "t",
    Range: "bytes=0-1",
    accept: "*/*",
    "user-agent": "u",
    "if-range": "e",
    "content-type": "t",
    "proxy-authorization": "p",
  };
  expect(crossOriginHeaders(headers)).toEqual({
    Range: "bytes=0-1",
    accept: "*/*",
    "user-agent": "u",
    "if-range": "e",
  });
});

test.for([300, 304, 200, 399])("isRedirect(%i) is false", (status) => {
  expect(isRedirect(status)).toBe(false);
});

const NOW = Date.UTC(2026, 0, 1);
test.for<[string, string, number]>([
  ["S3's date and seconds", "?X-Amz-Date=20260101T000000Z&X-Amz-Expires=120", 105_000],
  ["lower case", "?x-amz-date=20260101T000000Z&x-amz-expires=120", 105_000],
  ["Google's", "?X-Goog-Date=20251231T235900Z&X-Goog-Expires=120", 45_000],
  ["CloudFront's epoch", `?Expires=${NOW / 1000 + 60}`, 45_000],
  ["Azure's", "?se=2026-01-01T00:01:00Z", 45_000],
  ["one that has ended", `?Expires=${NOW / 1000 - 60}`, 0],
  ["one for a week: ten minutes", "?X-Amz-Date=20260101T000000Z&X-Amz-Expires=604800", 600_000],
  ["one that does not say: a minute", "", 60_000],
])("signedUrlLifetimeMs() of %s", ([, query, want]) => {
  expect(signedUrlLifetimeMs(new URL(`https://cdn.test/x${query}`), NOW)).toBe(want);
});
