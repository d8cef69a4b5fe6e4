/** How long a registry may take, and how much it may send. Nothing waits for ever. */
export interface Limits {
  /** Longest wait for a response's header, in ms; a request's body is given a second for each 16 KiB on top. */
  readonly headersTimeoutMs: number;
  /** Longest wait for more of a body, in ms. */
  readonly idleTimeoutMs: number;
  /** Least speed of a body, over ten seconds of waiting for it. */
  readonly minimumBytesPerSecond: number;
  /** Longest wait for a whole manifest, token or list, in ms, repetitions after silence included. Blobs may take as long as they are long. */
  readonly documentTimeoutMs: number;
  /** Longest wait for all of a body, in ms. Any unless given. */
  readonly bodyTimeoutMs?: number | undefined;
}

/** What holds where nothing else is said. */
export const DEFAULT_LIMITS: Limits = {
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  minimumBytesPerSecond: 1024,
  documentTimeoutMs: 60_000,
};
