import { type BufferSizes, Core } from "./core.ts";

/** Instances kept for reuse: of 512 KiB each. Making one takes 0.2 ms. */
const MAX_IDLE = 4;

/** Instances of one module. An instance decodes one thing at a time. */
export class CorePool {
  readonly #module: WebAssembly.Module;
  readonly #sizes: BufferSizes | undefined;
  readonly #idle: Core[] = [];

  constructor(module: WebAssembly.Module, sizes?: BufferSizes) {
    this.#module = module;
    this.#sizes = sizes;
  }

  /** An instance for the caller alone. One that is not given back is collected with its memory. */
  take(): Core {
    return this.#idle.pop() ?? new Core(this.#module, this.#sizes);
  }

  /** Takes an instance back, and drops one that trapped. */
  giveBack(core: Core): void {
    if (!core.hasTrapped && this.#idle.length < MAX_IDLE) this.#idle.push(core);
  }
}
