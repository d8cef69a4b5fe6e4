import type { Inflate } from "@socikit/inflate";
import { LayerScan, type LayerConsumer } from "./layer-scan.ts";
import type { ZtocBuild } from "./ztoc-build.ts";
import { ZtocBuilder, type ZtocBuilderOptions } from "./ztoc-builder.ts";

/** A layer on its way through a scan into a zTOC. */
export class LayerBuild {
  readonly #builder: ZtocBuilder;
  readonly #scan: LayerScan;

  /** Throws what {@linkcode ZtocBuilder} and {@linkcode LayerScan} throw for their options. */
  constructor(options: ZtocBuilderOptions, inflate: Inflate | undefined, others: readonly LayerConsumer[] = []) {
    this.#builder = new ZtocBuilder(options);
    this.#scan = new LayerScan({ compression: options.compression, inflate }, [this.#builder, ...others]);
  }

  /** As {@linkcode ZtocBuilder.sizeBound}. */
  get sizeBound(): number {
    return this.#builder.sizeBound;
  }

  /** Bytes of the tar stream that were made of the layer so far. */
  get uncompressed(): number {
    return this.#scan.uncompressed;
  }

  /** Takes the next bytes of the layer, which are not kept. */
  push(chunk: Uint8Array): void {
    this.#scan.push(chunk);
  }

  /** The layer has ended. */
  finish(): ZtocBuild {
    this.#scan.finish();
    // What the scan had is not needed while the zTOC is written.
    this.#scan.close();
    return this.#builder.result();
  }

  /** Gives the build up. Harmless after its end. */
  close(): void {
    this.#scan.close();
  }
}
