import { expect, test } from "vitest";
import { archiveFile, parseDestination, reportOutput } from "./destination.ts";
import { testIo } from "./testing/test-io.ts";

test.for<readonly [place: string, stream: "stdout" | "stderr"]>([
  ["oci-archive:/dev/stdout", "stderr"],
  ["oci-archive:/dev/fd/1:v1", "stderr"],
  ["oci-archive:/proc/self/fd/1", "stderr"],
  ["oci-archive:image.tar", "stdout"],
  ["oci-layout:/dev/stdout", "stdout"],
  ["ghcr.io/me/app:1", "stdout"],
])("what is said of an image written to %s goes to %s", ([place, stream]) => {
  const io = testIo();
  expect(reportOutput(io, archiveFile(parseDestination(place)))).toBe(io[stream]);
});
