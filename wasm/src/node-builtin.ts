/**
 * A module of Node's, on Node, Deno and Bun alike; `undefined` elsewhere. No import: this package has no Node-only entry,
 * and bundlers for browsers see nothing to resolve. Its type is the caller's to know.
 */
export function nodeBuiltin(name: string): unknown {
  const { process } = globalThis as { readonly process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name);
}
