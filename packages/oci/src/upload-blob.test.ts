import { expect, test } from "vitest";
import { bytesSource } from "./blob-source.ts";
import { digestOf } from "./digest.ts";
import type { BlobUpload, BlobWriter } from "./ports.ts";
import { uploadBlob } from "./upload-blob.ts";

const BLOB = new Uint8Array(100).map((_, i) => i);
const blobOf = (algorithm: "sha256" | "sha512" = "sha256") => ({
  digest: digestOf(BLOB, algorithm),
  size: BLOB.length,
});
const broken = (facts: object): Error => Object.assign(new Error("broken"), facts);

/** A writer whose commits fail as they are told to, and that logs what is asked of it. */
function writer(failures: unknown[], resume?: unknown): BlobWriter & { readonly log: string[] } {
  const log: string[] = [];
  const begin = (name: string): BlobUpload => ({
    id: "u",
    offset: 0,
    write: async () => void log.push("write"),
    async commit(digest) {
      log.push("commit");
      if (failures.length > 0) throw failures.shift();
      return { mediaType: "", digest, size: BLOB.length };
    },
    suspend: async () => void log.push("suspend"),
    abort: async () => void log.push(`abort ${name}`),
  });
  return {
    log,
    async begin(options) {
      log.push(`begin ${options?.algorithm}`);
      return begin("begun");
    },
    async resume() {
      log.push("resume");
      if (resume !== undefined) throw resume;
      return begin("resumed");
    },
  };
}

test("uploadBlob() goes on after what any port says is retryable, after the wait that it asks for", async () => {
  const target = writer([broken({ retryable: true, retryAfterMs: 30 })]);
  const began = performance.now();
  await uploadBlob(target, bytesSource(BLOB), blobOf());
  expect(performance.now() - began).toBeGreaterThan(25);
  expect(target.log).toEqual(["begin sha256", "write", "commit", "suspend", "resume", "write", "commit"]);
});

test.for([
  ["says that the upload is not there", { notFound: true }],
  ["cannot say how much it has", { code: "unknown" }],
] as const)("uploadBlob() begins again where the store %s, and leaves no upload behind", async ([, facts]) => {
  const target = writer([broken({ retryable: true, retryAfterMs: 0 })], broken(facts));
  await uploadBlob(target, bytesSource(BLOB), blobOf("sha512"));
  expect(target.log.filter((line) => /begin|abort/.test(line))).toEqual([
    "begin sha512",
    "abort begun",
    "begin sha512",
  ]);
});

test("uploadBlob() aborts, and gives up, where it is not retryable, and after three times", async () => {
  const error = broken({});
  const once = writer([error]);
  await expect(uploadBlob(once, bytesSource(BLOB), blobOf())).rejects.toBe(error);
  expect(once.log.slice(-2)).toEqual(["commit", "abort begun"]);
  const again = broken({ retryable: true, retryAfterMs: 0 });
  const always = writer([again, again, again, again, again]);
  await expect(uploadBlob(always, bytesSource(BLOB), blobOf())).rejects.toBe(again);
  expect(always.log.filter((line) => line === "commit")).toHaveLength(4);
  const denied = broken({ denied: true });
  const resume = writer([again], denied);
  await expect(uploadBlob(resume, bytesSource(BLOB), blobOf())).rejects.toBe(denied);
  expect(resume.log.at(-1)).toBe("abort begun");
});

test("uploadBlob() ends its wait with the signal", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const target = writer([broken({ retryable: true, retryAfterMs: 20_000 })]);
  setTimeout(() => controller.abort(reason), 20);
  await expect(uploadBlob(target, bytesSource(BLOB), blobOf(), { signal: controller.signal })).rejects.toBe(reason);
  expect(target.log.at(-1)).toBe("abort begun");
});
