/**
 * How often what is drawn at random is drawn: seldom in `npm test`, whose time is short; as often as there is any use in it where
 * SOCIKIT_SWEEPS is set, as in CI (`npm run test:sweeps -w wasm`).
 */
export function sweep(quick: number, full: number): number {
  return process.env["SOCIKIT_SWEEPS"] === undefined ? quick : full;
}
