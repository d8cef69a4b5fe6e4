import type { Descriptor } from "./descriptor.ts";
import { algorithmOf, createDigester, type Digest, type Digester } from "./digest.ts";
import { OciError } from "./errors.ts";

/**
 * Hashes the bytes of one blob as they pass, once for all who have to know that they are the right ones: who reads on, and who
 * writes them somewhere.
 */
export class BlobCheck {
  /** What the bytes are to be: their digest. */
  readonly digest: Digest;
  /** And their number. */
  readonly size: number;
  readonly #digester: Digester;
  #seen = 0;
  #isHashed = false;
  #hasPassed = false;

  constructor({ digest, size }: Pick<Descriptor, "digest" | "size">) {
    this.digest = digest;
    this.size = size;
    this.#digester = createDigester(algorithmOf(digest));
  }

  /** Whether all bytes have come, and no others. */
  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  /**
   * Takes the next bytes, which are not retained. Whoever gets the last ones only after this has returned has verified bytes.
   *
   * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` as soon as there are too many, `ERR_OCI_DIGEST_MISMATCH` with the last ones.
   */
  update(bytes: Uint8Array): void {
    this.#seen += bytes.length;
    if (this.#seen > this.size) throw this.#wrongSize(`more than its ${this.size} bytes came`);
    if (bytes.length > 0) this.#digester.update(bytes);
    if (this.#seen === this.size) this.#finish();
  }

  /**
   * The bytes have ended.
   *
   * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` where there are too few, `ERR_OCI_DIGEST_MISMATCH`.
   */
  end(): void {
    if (this.#seen !== this.size) throw this.#wrongSize(`${this.#seen} of its ${this.size} bytes came`);
    this.#finish();
  }

  #finish(): void {
    if (this.#isHashed) return;
    this.#isHashed = true;
    const found = this.#digester.digest();
    if (found !== this.digest)
      throw new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot verify ${this.digest}: the bytes have digest ${found}`);
    this.#hasPassed = true;
  }

  #wrongSize(what: string): OciError {
    this.#hasPassed = false;
    return new OciError("ERR_OCI_SIZE_MISMATCH", `Cannot verify ${this.digest}: ${what}`);
  }
}
