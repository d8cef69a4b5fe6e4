// The smallest test runner, because it runs in Node 20 to 26, Deno, Bun and a browser alike.
let passed = 0;
let failed = 0;

/**
 * Runs one check and reports it; the run goes on after a failure.
 * @param {string} name
 * @param {() => unknown} body
 */
export async function check(name, body) {
  try {
    await body();
    passed++;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n${error?.stack ?? error}`);
  }
}

/**
 * Throws unless both print alike as JSON.
 * @param {unknown} found
 * @param {unknown} wanted
 */
export function same(found, wanted) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`);
}

/**
 * Throws unless both are the same bytes.
 * @param {Uint8Array} found
 * @param {Uint8Array} wanted
 */
export function sameBytes(found, wanted) {
  if (found.length !== wanted.length) throw new Error(`found ${found.length} bytes, wanted ${wanted.length}`);
  const at = found.findIndex((byte, i) => byte !== wanted[i]);
  if (at >= 0) throw new Error(`byte ${at} is ${found[at]}, wanted ${wanted[at]}`);
}

/** Prints the last line and returns whether all is well. */
export function summary() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}
