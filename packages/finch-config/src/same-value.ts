/**
 * Whether two values of YAML are equal, maps in any order. Pairs that were compared are not compared again, so values
 * that are shared many times over cost what they cost once.
 */
export function sameValue(a: unknown, b: unknown, compared: Map<object, Set<object>> = new Map()): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const seen = compared.get(a) ?? new Set();
  if (seen.has(b)) return true;
  compared.set(a, seen.add(b));
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => sameValue(item, b[i], compared));
  if (a instanceof Map && b instanceof Map) {
    const entries = [...b];
    // Keys that are lists or maps are equal by value, which a Map cannot look up; those keep their place.
    return (
      a.size === b.size &&
      [...a].every(([key, value], i) => {
        if (typeof key !== "object" || key === null) return b.has(key) && sameValue(value, b.get(key), compared);
        return sameValue(key, entries[i]?.[0], compared) && sameValue(value, entries[i]?.[1], compared);
      })
    );
  }
  return false;
}
