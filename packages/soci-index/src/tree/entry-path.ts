import type { ByteString } from "@socikit/oci";

/** Longest entry name taken into a tree, in bytes: Linux's `PATH_MAX`, past which no path can be opened. */
export const MAX_PATH_BYTES: number = 4096;
/**
 * Deepest entry taken into a tree, in components. A name of {@linkcode MAX_PATH_BYTES} could have 2,048 of them, each of which becomes
 * a directory where nobody wrote it down: one entry would cost as much memory as two thousand.
 */
export const MAX_PATH_DEPTH: number = 256;

/**
 * The components of a path in an archive or of a symlink's target, as written: split at slashes, without the empty ones and `.`.
 * `..` is kept.
 */
export function componentsOf(path: ByteString): ByteString[] {
  // A part of a ByteString is one.
  return (path.split("/") as ByteString[]).filter((component) => component !== "" && component !== ".");
}

/**
 * The place that a tar entry's name means inside the image: what Go's `path.Clean("/" + name)` gives, which the reference uses
 * (spec section 17.2). `..` goes up by name and never above the root, so no name leaves it. Empty for the root itself.
 *
 * @returns `undefined` for a name that no file can have: with a NUL, longer than {@linkcode MAX_PATH_BYTES}, or deeper than
 * {@linkcode MAX_PATH_DEPTH}.
 */
export function entryPath(name: ByteString): readonly ByteString[] | undefined {
  if (name.length > MAX_PATH_BYTES || name.includes("\0")) return undefined;
  const clean: ByteString[] = [];
  for (const component of componentsOf(name)) {
    if (component === "..") clean.pop();
    else clean.push(component);
  }
  return clean.length > MAX_PATH_DEPTH ? undefined : clean;
}

/** What a base name means to the layers below. https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts */
export type Whiteout =
  /** The name is hidden. */
  | { readonly kind: "name"; readonly name: ByteString }
  /** Everything in the directory is hidden. */
  | { readonly kind: "opaque" }
  /** AUFS's own files (`.wh..wh.plnk`), or a whiteout of nothing: never shown, hides nothing. */
  | { readonly kind: "none" };

/** How the base name of every whiteout begins. */
export const WHITEOUT_PREFIX = ".wh.";

/** Reads a base name as a whiteout; `undefined` for every other name. */
export function whiteoutOf(base: ByteString): Whiteout | undefined {
  if (!base.startsWith(WHITEOUT_PREFIX)) return undefined;
  if (base === ".wh..wh..opq") return { kind: "opaque" };
  // A part of a ByteString is one.
  const name = base.slice(WHITEOUT_PREFIX.length) as ByteString;
  if (name === "" || name === "." || name === ".." || name.startsWith(WHITEOUT_PREFIX)) return { kind: "none" };
  return { kind: "name", name };
}
