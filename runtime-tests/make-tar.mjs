/**
 * A ustar archive. A name that ends with a slash is a directory.
 * @param {readonly (readonly [name: string, content: Uint8Array | ""])[]} entries
 * @returns {Uint8Array}
 */
export function makeTar(entries) {
  const blocks = entries.flatMap(([name, content]) => {
    const padded = new Uint8Array(Math.ceil(content.length / 512) * 512);
    if (content !== "") padded.set(content);
    return [header(name, content.length), padded];
  });
  blocks.push(new Uint8Array(1024));
  const tar = new Uint8Array(blocks.reduce((size, block) => size + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    tar.set(block, at);
    at += block.length;
  }
  return tar;
}

function header(name, size) {
  const bytes = new Uint8Array(512);
  const put = (/** @type {number} */ at, /** @type {string} */ field) =>
    new TextEncoder().encodeInto(field, bytes.subarray(at));
  const octal = (/** @type {number} */ value, /** @type {number} */ digits) => value.toString(8).padStart(digits, "0");
  const directory = name.endsWith("/");
  put(0, name);
  put(100, octal(directory ? 0o755 : 0o644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(1_700_000_000, 11));
  put(148, " ".repeat(8));
  put(156, directory ? "5" : "0");
  put(257, "ustar\0" + "00");
  put(
    148,
    octal(
      bytes.reduce((sum, byte) => sum + byte, 0),
      6,
    ) + "\0 ",
  );
  return bytes;
}
