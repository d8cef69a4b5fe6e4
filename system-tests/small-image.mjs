// A small image made by tar and umoci: one gzip layer of about 12 MB, which is enough to be indexed, and one of a few bytes.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./programs.mjs";

/** Bytes that do not compress, the same each time. */
export function noise(length, seed = 1) {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const MOTD = "welcome\n";
export const NOISE = noise(12 << 20);

/**
 * Makes an OCI layout in `folder` with umoci and returns its path; the image's tag is "v1".
 * @param {string} folder
 */
export async function makeSmallImage(folder) {
  const layout = join(folder, "layout");
  const rootfs = join(folder, "rootfs");
  mkdirSync(join(rootfs, "usr/share"), { recursive: true });
  writeFileSync(join(rootfs, "usr/share/noise"), NOISE);
  mkdirSync(join(rootfs, "etc"));
  writeFileSync(join(rootfs, "etc/motd"), MOTD);
  await output("tar", ["-C", rootfs, "-cf", join(folder, "lower.tar"), "usr"]);
  await output("tar", ["-C", rootfs, "-cf", join(folder, "upper.tar"), "etc"]);
  await output("umoci", ["init", "--layout", layout]);
  await output("umoci", ["new", "--image", `${layout}:v1`]);
  await output("umoci", ["raw", "add-layer", "--image", `${layout}:v1`, join(folder, "lower.tar")]);
  await output("umoci", ["raw", "add-layer", "--image", `${layout}:v1`, join(folder, "upper.tar")]);
  await output("umoci", ["gc", "--layout", layout]);
  return layout;
}
