import { InflateError, type InflateErrorCode } from "./errors.ts";

/** What the module exports (assembly/index.ts). Addresses and sizes are in bytes of its memory. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly HISTORY: WebAssembly.Global;
  readonly INPUT: WebAssembly.Global;
  readonly INPUT_CAPACITY: WebAssembly.Global;
  readonly INPUT_PADDING: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly OUTPUT_CAPACITY: WebAssembly.Global;
  readonly OUTPUT_SLACK: WebAssembly.Global;
  readonly WINDOW_USE: WebAssembly.Global;
  readonly CROSSINGS_CAPACITY: WebAssembly.Global;
  readonly STATE: WebAssembly.Global;
  readonly STATE_SIZE: WebAssembly.Global;
  initialize(): void;
  startStream(acceptsZlib: number, reportsMembers: number): void;
  startSpan(windowLength: number, bits: number, bitCount: number): void;
  startInBlock(headerLength: number, bits: number, bitCount: number): number;
  watchWindow(length: number): void;
  addBoundary(): void;
  takeBoundary(): number;
  run(inputEnd: number, isFinal: number, outputEnd: number, reportFrom: number): number;
  inputNext(): number;
  pendingBits(): number;
  headerLength(): number;
  longestText(): number;
  isZlib(): number;
  outputNext(): number;
  moveInput(inputEnd: number): number;
  moveOutput(): void;
  saveState(): void;
  restoreState(compressed: number, windowLength: number): number;
}

/** What {@linkcode Core.run} answers (assembly/constants.ts). */
export const NEED_INPUT = 0;
/** Output is at the end that was given, or past it. */
export const NEED_OUTPUT = 1;
/** Output is at a block boundary. */
export const BLOCK = 2;
/** The input ended behind a member. */
export const DONE = 3;
/** The input is behind a member's header. Only where members are reported. */
export const MEMBER = 4;

/** How far back DEFLATE reaches, and the size of a checkpoint's window, in bytes. */
export const WINDOW_SIZE = 32768;

const FAILURES: ReadonlyMap<number, readonly [InflateErrorCode, string]> = new Map([
  [-1, ["ERR_INFLATE_TRUNCATED", "the compressed data ends inside a member"]],
  [-2, ["ERR_INFLATE_TRAILING_BYTES", "bytes that begin no member follow the last one"]],
  [-10, ["ERR_INFLATE_DATA", "block type 3"]],
  [-11, ["ERR_INFLATE_DATA", "a stored block whose length and its complement disagree"]],
  [-12, ["ERR_INFLATE_DATA", "more than 286 literals and lengths, or more than 30 distances, in a block's header"]],
  [-13, ["ERR_INFLATE_DATA", "invalid code lengths in a block's header"]],
  [-14, ["ERR_INFLATE_DATA", "a block that has no code for its end"]],
  [-15, ["ERR_INFLATE_DATA", "an over-subscribed or incomplete code"]],
  [-16, ["ERR_INFLATE_DATA", "bits that are no symbol"]],
  [-17, ["ERR_INFLATE_DATA", "a distance that reaches before the start of the member"]],
  [-18, ["ERR_INFLATE_DATA", "a start inside a stored block that is not at a byte boundary"]],
  [-20, ["ERR_INFLATE_HEADER", "not gzip: the first bytes are not 1f 8b"]],
  [-21, ["ERR_INFLATE_HEADER", "a gzip header with a compression method other than 8"]],
  [-22, ["ERR_INFLATE_HEADER", "a gzip header with reserved flags"]],
  [-23, ["ERR_INFLATE_HEADER", "a gzip header that does not match its CRC"]],
  [-24, ["ERR_INFLATE_HEADER", "a zlib header with a compression method other than 8 or a window above 32 KiB"]],
  [-25, ["ERR_INFLATE_DICTIONARY", "a zlib member that needs a preset dictionary"]],
  [-30, ["ERR_INFLATE_CHECKSUM", "the output does not match its CRC-32"]],
  [-31, ["ERR_INFLATE_CHECKSUM", "the output does not have the size that the trailer says"]],
  [-32, ["ERR_INFLATE_CHECKSUM", "the output does not match its Adler-32"]],
]);

/** More than the longest header of a block, in bytes. */
const MAX_BLOCK_HEADER = 300;

function failure(status: number, offset: number): InflateError {
  const [code, found] = FAILURES.get(status) ?? ["ERR_INFLATE_DATA", `failure ${status}`];
  return new InflateError(code, offset, `Cannot inflate: ${found}, near compressed offset ${offset}`);
}

/** More than a block's header and a refill: what the decoder leaves until it can go on (HEADER_LOOK_AHEAD in inflate.ts). */
const MAX_UNREAD = 400;

/** What an instance is in the middle of. */
export interface CoreState {
  /** What the module saved, in its own layout (assembly/state.ts). */
  readonly fields: Uint8Array;
  /** Input that was appended and is not used yet, a byte used in part not counted. */
  readonly unread: Uint8Array;
  /** The last 32768 bytes of output, or all that there are. */
  readonly window: Uint8Array;
  /** Bytes appended, from the beginning of the stream. */
  readonly position: number;
}

/** How much of its buffers an instance uses, in bytes: all, or less in tests, which then meet their ends more often. */
export interface BufferSizes {
  /** At least 512: a block's header is read at once. */
  readonly input: number;
  readonly output: number;
}

/**
 * One instance of the WebAssembly module: its memory, and how much input lies in it. Offsets in streams, that exceed
 * 32 bits, are kept here; the module knows addresses only.
 */
export class Core {
  readonly #exports: Exports;
  /** All of its memory, which never grows: the view stays valid. */
  readonly memory: Uint8Array;
  readonly #words: DataView;
  /** Address of the first byte of output after the last {@linkcode moveOutput}. */
  readonly output: number;
  /** Bytes of output that fit. */
  readonly outputCapacity: number;
  readonly #outputSlack: number;
  /** Boundaries that can be watched at once. */
  readonly maxBoundaries: number;
  readonly #history: number;
  readonly #inputLimit: number;
  readonly #inputPadding: number;
  /** Where input ends, in memory and in the compressed stream. */
  #inputEnd: number;
  #inputEndOffset = 0;
  #isFinal = false;
  #hasTrapped = false;

  constructor(module: WebAssembly.Module, sizes?: BufferSizes) {
    // The module has no imports; that its exports are these is checked by `isInflateModule`.
    this.#exports = new WebAssembly.Instance(module).exports as unknown as Exports;
    this.#exports.initialize();
    this.memory = new Uint8Array(this.#exports.memory.buffer);
    this.#words = new DataView(this.#exports.memory.buffer);
    this.output = this.#exports.OUTPUT.value as number;
    this.outputCapacity = sizes?.output ?? (this.#exports.OUTPUT_CAPACITY.value as number);
    this.#outputSlack = this.#exports.OUTPUT_SLACK.value as number;
    this.maxBoundaries = this.#exports.CROSSINGS_CAPACITY.value as number;
    this.#history = this.#exports.HISTORY.value as number;
    this.#inputEnd = this.#exports.INPUT.value as number;
    this.#inputLimit = this.#inputEnd + (sizes?.input ?? (this.#exports.INPUT_CAPACITY.value as number));
    this.#inputPadding = this.#exports.INPUT_PADDING.value as number;
  }

  /** Whether it trapped: what its memory holds is then not known, and it must not be used again. */
  get hasTrapped(): boolean {
    return this.#hasTrapped;
  }

  /** Begins a stream of members. @param reportsMembers Whether {@linkcode run} answers MEMBER after each header. */
  startStream(acceptsZlib: boolean, reportsMembers: boolean): void {
    this.#exports.startStream(acceptsZlib ? 1 : 0, reportsMembers ? 1 : 0);
    this.#startInput(0);
  }

  /**
   * Begins inside a member, at a block. Matches may reach `windowLength` bytes back, into zeros where
   * {@linkcode setWindow} does not say otherwise.
   *
   * @param offset Of the first byte that will be appended, in the compressed stream; errors and positions count from it.
   * @param bits The `bitCount` (0–7) bits before that byte.
   */
  startSpan(windowLength: number, offset: number, bits: number, bitCount: number): void {
    this.#exports.startSpan(windowLength, bits, bitCount);
    this.#startInput(offset);
  }

  /**
   * As {@linkcode startSpan}, inside a block. Its header is read here.
   *
   * @param header The block's first bits, its header at least.
   * @throws {InflateError}
   */
  startInBlock(header: Uint8Array, windowLength: number, offset: number, bits: number, bitCount: number): void {
    this.startSpan(windowLength, offset, bits, bitCount);
    // The longest header takes 286 bytes and some bits.
    const read = header.length > MAX_BLOCK_HEADER ? header.subarray(0, MAX_BLOCK_HEADER) : header;
    this.memory.set(read, this.#inputEnd);
    this.memory.fill(0, this.#inputEnd + read.length, this.#inputEnd + read.length + this.#inputPadding);
    const status = this.#exports.startInBlock(read.length, bits, bitCount);
    if (status !== DONE) throw failure(status, offset);
  }

  /**
   * Begins to note which bytes of the window the next `length` bytes of output reference. After {@linkcode startSpan}.
   * Noting is off again at the next start.
   */
  watchWindow(length: number): void {
    this.#exports.watchWindow(length);
  }

  /** For each byte of the window, 1 if it was referenced. A view. After {@linkcode watchWindow}. */
  get windowUse(): Uint8Array {
    const address = this.#exports.WINDOW_USE.value as number;
    return this.memory.subarray(address, address + WINDOW_SIZE);
  }

  /** Begins to count the matches that cross the current place. At most {@linkcode maxBoundaries}; off at the next start. */
  addBoundary(): void {
    this.#exports.addBoundary();
  }

  /** Ends counting at the earliest place. */
  takeBoundary(): { readonly matches: number; readonly bytes: number } {
    const address = this.#exports.takeBoundary();
    return { matches: this.#words.getUint32(address + 4, true), bytes: this.#words.getUint32(address + 8, true) };
  }

  #startInput(offset: number): void {
    this.#inputEnd = this.#exports.INPUT.value as number;
    this.#inputEndOffset = offset;
    this.#isFinal = false;
  }

  /** Sets bytes of the window of 32768 bytes before the output. After {@linkcode startSpan}. */
  setWindow(bytes: Uint8Array, at: number): void {
    this.memory.set(bytes, this.#history + at);
  }

  /** Copies in what fits of `bytes` from `from` on. Answers how much that was; more than 0 after NEED_INPUT. */
  appendInput(bytes: Uint8Array, from: number): number {
    const left = bytes.length - from;
    if (left > this.#inputLimit - this.#inputEnd) this.#inputEnd = this.#exports.moveInput(this.#inputEnd);
    const length = Math.min(left, this.#inputLimit - this.#inputEnd);
    const taken = length === bytes.length ? bytes : bytes.subarray(from, from + length);
    this.memory.set(isShared(taken) ? unshared(taken) : taken, this.#inputEnd);
    this.#inputEnd += length;
    this.#inputEndOffset += length;
    return length;
  }

  /** Says that no input follows. */
  endInput(): void {
    this.memory.fill(0, this.#inputEnd, this.#inputEnd + this.#inputPadding);
    this.#isFinal = true;
  }

  /**
   * Decodes until there is something to answer.
   *
   * @param outputEnd Address where output should end. It may end a little behind it.
   * @param reportFrom Bytes of output behind {@linkcode output} from which on block boundaries are answered.
   * @throws {InflateError}
   */
  run(outputEnd: number, reportFrom: number): number {
    // Beyond the buffer there is no boundary to report before output moves and this is asked again.
    const reach = this.outputCapacity + this.#outputSlack;
    const reportAddress = reportFrom <= reach ? this.output + Math.max(0, reportFrom) : 0xffffffff;
    let status: number;
    try {
      status = this.#exports.run(this.#inputEnd, this.#isFinal ? 1 : 0, outputEnd, reportAddress);
    } catch (cause) {
      this.#hasTrapped = true;
      throw new InflateError(
        "ERR_INFLATE_ABORTED_INSTANCE",
        this.#inputEndOffset,
        "Cannot inflate: the decoder trapped",
        { cause },
      );
    }
    if (status >= 0) return status;
    throw failure(status, this.compressed);
  }

  /** Offset in the compressed stream of the byte that is appended next. */
  get position(): number {
    return this.#inputEndOffset;
  }

  /** Compressed bytes used, one used in part counted, as an offset in the compressed stream. */
  get compressed(): number {
    return this.#inputEndOffset - (this.#inputEnd - this.#exports.inputNext());
  }

  /** Bits (0–7) of the byte before {@linkcode compressed} that are not used yet. */
  get pendingBits(): number {
    return this.#exports.pendingBits();
  }

  /** Of the last member's header, in bytes. After MEMBER. */
  get headerLength(): number {
    return this.#exports.headerLength();
  }

  /** Bytes of the last member's name or comment, whichever is longer, without NUL. After MEMBER. */
  get longestText(): number {
    return this.#exports.longestText();
  }

  /** Whether the last member is zlib's, not gzip. After MEMBER. */
  get isZlib(): boolean {
    return this.#exports.isZlib() !== 0;
  }

  /** Address behind the last byte of output. */
  get outputEnd(): number {
    return this.#exports.outputNext();
  }

  /** Makes room for {@linkcode outputCapacity} bytes of output. */
  moveOutput(): void {
    this.#exports.moveOutput();
  }

  /**
   * What {@linkcode restore} needs to go on here, in another instance. Copies. Between NEED_INPUT and the next input, when all
   * output was taken: it moves.
   *
   * @param uncompressed Bytes of output so far: before that there is no window.
   */
  save(uncompressed: number): CoreState {
    this.#exports.moveOutput();
    this.#exports.saveState();
    return {
      fields: this.#state.slice(),
      unread: this.memory.slice(this.#exports.inputNext(), this.#inputEnd),
      window: this.memory.slice(this.output - Math.min(WINDOW_SIZE, uncompressed), this.output),
      position: this.#inputEndOffset,
    };
  }

  /** Begins where another instance was. `false` for what none can have saved. */
  restore(state: CoreState, acceptsZlib: boolean, reportsMembers: boolean): boolean {
    const { fields, unread, window, position } = state;
    if (fields.length !== this.#state.length || window.length > WINDOW_SIZE) return false;
    if (unread.length > Math.min(MAX_UNREAD, position)) return false;
    this.startStream(acceptsZlib, reportsMembers);
    this.#state.set(fields);
    this.memory.set(window, this.output - window.length);
    if (this.#exports.restoreState(position - unread.length, window.length) === 0) return false;
    this.memory.set(unread, this.#inputEnd);
    this.#inputEnd += unread.length;
    this.#inputEndOffset = position;
    return true;
  }

  /** Where the module saves to and restores from. */
  get #state(): Uint8Array {
    const at = this.#exports.STATE.value as number;
    return this.memory.subarray(at, at + (this.#exports.STATE_SIZE.value as number));
  }
}

function isShared({ buffer }: Uint8Array): boolean {
  return typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer;
}

/** For {@linkcode unshared}, which is not called again before its result is copied. */
let staged: Uint8Array | undefined;

/**
 * The same bytes in memory that is not shared. V8 copies shared ones a byte at a time, 2.5 GB/s, unless they lie alike in words of
 * eight bytes on both sides; so it is 12, and from here 25.
 */
function unshared(bytes: Uint8Array): Uint8Array {
  const shift = bytes.byteOffset % 8;
  if (staged === undefined || staged.length < shift + bytes.length) staged = new Uint8Array(bytes.length + 8);
  staged.set(bytes, shift);
  return staged.subarray(shift, shift + bytes.length);
}

const EXPORTS: readonly (keyof Exports)[] = [
  "memory",
  "HISTORY",
  "INPUT",
  "INPUT_CAPACITY",
  "INPUT_PADDING",
  "OUTPUT",
  "OUTPUT_CAPACITY",
  "OUTPUT_SLACK",
  "WINDOW_USE",
  "CROSSINGS_CAPACITY",
  "STATE",
  "STATE_SIZE",
  "initialize",
  "startStream",
  "startSpan",
  "startInBlock",
  "watchWindow",
  "addBoundary",
  "takeBoundary",
  "run",
  "inputNext",
  "pendingBits",
  "headerLength",
  "longestText",
  "isZlib",
  "outputNext",
  "moveInput",
  "moveOutput",
  "saveState",
  "restoreState",
];

/** Whether the module exports what {@linkcode Core} calls, and imports nothing. */
export function isInflateModule(module: WebAssembly.Module): boolean {
  const names = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  return WebAssembly.Module.imports(module).length === 0 && EXPORTS.every((name) => names.has(name));
}
