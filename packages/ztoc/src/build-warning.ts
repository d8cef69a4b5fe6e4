import type { ByteString } from "@socikit/oci";

/** Codes of {@linkcode BuildWarning}, each one reason. */
export const BUILD_WARNING_CODES = [
  /** A sparse file: its size is the logical one, and what the zTOC takes for its content is not. */
  "WARN_ZTOC_SPARSE_FILE",
  /** A link, device or directory that claims a size: the reference misplaces the header of what follows. */
  "WARN_ZTOC_SIZE_WITHOUT_CONTENT",
  /** The reference writes this zTOC, but refuses to read it from this entry on (`invalid toc entry`). */
  "WARN_ZTOC_INVALID_TOC_ENTRY",
  /** A number beyond 2^53: `decodeZtoc` refuses this zTOC. */
  "WARN_ZTOC_NUMBER_OUT_OF_RANGE",
  /** A year outside 0 to 9999: the entry has no time. */
  "WARN_ZTOC_NO_MOD_TIME",
  /** Two checkpoints at one place of the output: the reference builds this zTOC, but does not mount it. */
  "WARN_ZTOC_EMPTY_SPAN",
  /** There are more warnings than are kept. */
  "WARN_ZTOC_MORE",
] as const;

/** One of {@linkcode BUILD_WARNING_CODES}. */
export type BuildWarningCode = (typeof BUILD_WARNING_CODES)[number];

/** Something about a zTOC that was built, byte for byte as the reference does, and will not work as one might expect. */
export interface BuildWarning {
  /** The reason. */
  readonly code: BuildWarningCode;
  /** The same in words. */
  readonly message: string;
  /** The entry, where it is about one. */
  readonly entry?: { readonly index: number; readonly name: ByteString };
}
