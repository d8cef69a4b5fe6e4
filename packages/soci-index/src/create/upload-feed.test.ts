import { BlobCheck, digestOf, type BlobUpload } from "@socikit/oci";
import { expect, test } from "vitest";
import { UploadFeed } from "./upload-feed.ts";

const BLOB = { mediaType: "", digest: digestOf(new Uint8Array(1)), size: 1 };

test("an upload that begins after nobody wants it any more is thrown away", async () => {
  const log: string[] = [];
  let begun!: (upload: BlobUpload) => void;
  const target = {
    begin: () => new Promise<BlobUpload>((resolve) => (begun = resolve)),
    resume: () => Promise.reject(new Error("unused")),
  };
  const feed = new UploadFeed(target, BLOB, () => {}, {});
  const beginning = feed.begin(new BlobCheck(BLOB));
  await feed.abort();
  expect(log).toEqual([]);
  begun({ id: "", offset: 0, abort: async () => void log.push("abort") } as Partial<BlobUpload> as BlobUpload);
  await beginning;
  expect(log).toEqual(["abort"]);
});
