/** Exit codes of `socikit`. They are stable API: scripts branch on them. */
export const EXIT_CODES = {
  /** Done. */
  done: 0,
  /** Failed for a reason that has no code of its own: a registry that cannot be reached, among others. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** An image, index or file is not there, where whoever was asked says so. */
  notFound: 3,
  /** The registry or the file system does not allow it. */
  notAllowed: 4,
  /** Bytes do not have the digest, size or structure that was promised. */
  verification: 5,
  /** No layer of the image gets a zTOC: every one is too small or in a format that cannot be indexed. */
  nothingToIndex: 6,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

/** One of {@linkcode EXIT_CODES}. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** What each exit code means, in the order of help texts. */
export const EXIT_CODE_MEANINGS: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT_CODES.done, "done"],
  [EXIT_CODES.failed, "failed; a registry that cannot be reached, too"],
  [EXIT_CODES.usage, "the command line is wrong"],
  [EXIT_CODES.notFound, "an image, index or file is not there"],
  [EXIT_CODES.notAllowed, "not allowed: a login or a permission is missing"],
  [EXIT_CODES.verification, "verification failed: the bytes are not what was promised"],
  [EXIT_CODES.nothingToIndex, "nothing to index: every layer is too small or of another format"],
  [EXIT_CODES.interrupted, "interrupted (Ctrl-C)"],
];
