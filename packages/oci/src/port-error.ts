/**
 * What an error of a port says besides its code, for callers that cannot know the port's error class: a copy need not
 * depend on registries to know that trying again may help.
 */
export interface PortErrorFacts {
  /** Whether the same call may work later. */
  readonly retryable?: boolean | undefined;
  /** Whether what was asked for is not there. */
  readonly notFound?: boolean | undefined;
  /** Whether the other side does not do this at all, whoever asks. */
  readonly unsupported?: boolean | undefined;
  /** Whether it does, and not for whoever asks. */
  readonly denied?: boolean | undefined;
  /** Milliseconds that the other side asks to be left alone before the next try, where it said so. */
  readonly retryAfterMs?: number | undefined;
}

/** Whether the error says that the same call may work later. */
export function isRetryable(error: unknown): boolean {
  return factsOf(error).retryable === true;
}

/** Whether the error says that what was asked for is not there. */
export function isNotFound(error: unknown): boolean {
  return factsOf(error).notFound === true;
}

/** Whether the error says that the other side does not do this at all, whoever asks. */
export function isUnsupported(error: unknown): boolean {
  return factsOf(error).unsupported === true;
}

/** Whether the error says that whoever asks may not do this. */
export function isDenied(error: unknown): boolean {
  return factsOf(error).denied === true;
}

/** Milliseconds that the error asks to wait before the next try; `undefined` where it does not say. */
export function retryAfterOf(error: unknown): number | undefined {
  const { retryAfterMs } = factsOf(error);
  return typeof retryAfterMs === "number" && retryAfterMs >= 0 ? retryAfterMs : undefined;
}

function factsOf(error: unknown): PortErrorFacts {
  return typeof error === "object" && error !== null ? error : {};
}
