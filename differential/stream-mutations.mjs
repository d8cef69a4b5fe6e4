/** Changes to streams of DEFLATE and gzip: to the parts that they are made of, and to their bytes. */
import { crc32, inflateRawSync } from "node:zlib";

const NO_BYTES = new Uint8Array(0);

/** A changed copy of one of the samples (wasm/src/testing/stream-samples.ts), as `{ format, bytes }`. */
export function mutateStream(random, samples) {
  const sample = random.pick(samples);
  let members = sample.members;
  const isFramed = sample.format !== "raw";
  // A changed member whose trailer fits again: what it then means must be the same to both.
  if (isFramed && random.chance(60)) members = changeMembers(random, members, samples);
  let bytes = Buffer.concat(members.flatMap(({ header, deflated, trailer }) => [header, deflated, trailer]));
  if (!isFramed || random.chance(50))
    for (let i = random.pick([1, 1, 1, 2, 3, 6]); i > 0; i--) bytes = changeBytes(random, bytes, samples);
  if (random.chance(15)) bytes = Buffer.concat([bytes, garbage(random, samples)]);
  if (random.chance(10)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  return { format: sample.format, bytes: new Uint8Array(bytes) };
}

// ---- members -------------------------------------------------------------------------------------------------------

function changeMembers(random, members, samples) {
  const changed = [...members];
  for (let i = random.pick([1, 1, 2]); i > 0; i--) {
    const at = random.below(changed.length);
    const member = changed[at];
    switch (random.below(7)) {
      case 0:
        changed.splice(at, 0, random.pick(random.pick(samples).members));
        break;
      case 1:
        changed.splice(at, 1);
        if (changed.length === 0) return [{ header: NO_BYTES, deflated: NO_BYTES, trailer: NO_BYTES }];
        break;
      case 2:
        changed[at] = { ...member, trailer: changeTrailer(random, member.trailer) };
        break;
      case 3:
      case 4:
        changed[at] = { ...member, header: changeHeader(random, member.header) };
        break;
      default:
        changed[at] = changeBody(random, member, samples);
    }
  }
  return changed;
}

/** Other DEFLATE data, with the trailer that fits where zlib takes it. */
function changeBody(random, member, samples) {
  const deflated = changeBytes(random, Buffer.from(member.deflated), samples);
  let result;
  try {
    result = inflateRawSync(deflated, { info: true });
  } catch {
    return { ...member, deflated };
  }
  const output = result.buffer;
  const body = deflated.subarray(0, result.engine.bytesWritten);
  if (member.trailer.length !== 8) return { ...member, deflated: body };
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(output), 0);
  trailer.writeUInt32LE(output.length, 4);
  return { ...member, deflated: body, trailer };
}

function changeTrailer(random, trailer) {
  if (random.chance(30)) return trailer.subarray(0, random.below(trailer.length + 1));
  const changed = trailer.slice();
  if (changed.length > 0) changed[random.below(changed.length)] ^= 1 << random.below(8);
  return changed;
}

/** One field of a gzip header, or what begins a zlib stream; the header's CRC is made to fit again, mostly. */
function changeHeader(random, header) {
  let changed = Buffer.from(header);
  if (header[0] !== 0x1f || header.length < 10) {
    if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
    return changed;
  }
  const hasCrc = (header[3] & 2) !== 0;
  const body = hasCrc ? changed.subarray(0, -2) : changed;
  switch (random.below(6)) {
    case 0:
      changed[3] ^= 1 << random.below(8);
      break;
    case 1:
      changed[random.below(4)] ^= 1 << random.below(8);
      break;
    case 2:
      // Time, flags of the method, operating system: nobody looks at them.
      changed[4 + random.below(6)] = random.below(256);
      break;
    case 3:
      // Length of the extra field, characters of the name and the comment.
      if (body.length > 10) body[10 + random.below(body.length - 10)] = random.pick([0, 1, 97, 255]);
      break;
    case 4:
      if (hasCrc) changed[changed.length - 1 - random.below(2)] ^= 1 << random.below(8);
      return changed;
    default:
      changed = changed.subarray(0, random.below(changed.length + 1));
      return changed;
  }
  if (hasCrc && random.chance(80)) changed.writeUInt16LE(crc32(body) & 0xffff, changed.length - 2);
  return changed;
}

// ---- bytes ---------------------------------------------------------------------------------------------------------

function changeBytes(random, bytes, samples) {
  const place = () => {
    const length = bytes.length;
    if (length === 0) return 0;
    // Headers of members and of blocks, and trailers.
    if (random.chance(40)) return random.below(Math.min(60, length));
    return random.chance(20) ? length - 1 - random.below(Math.min(16, length)) : random.below(length);
  };
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (bytes.length > 0) bytes[place()] ^= 1 << random.below(8);
      return bytes;
    case 4:
      if (bytes.length > 0) bytes[place()] = random.pick([0, 255, 1, 128, random.below(256)]);
      return bytes;
    case 5:
      return Buffer.from(bytes.subarray(0, place()));
    case 6:
      return splice(bytes, place(), 1 + random.below(random.pick([1, 8, 200])), NO_BYTES);
    case 7:
      return splice(bytes, place(), 0, random.bytes(1 + random.below(random.pick([1, 8, 40]))));
    case 8: {
      const from = place();
      return splice(bytes, place(), 0, Buffer.from(bytes.subarray(from, from + 1 + random.below(100))));
    }
    default: {
      const other = random.pick(random.pick(samples).members).deflated;
      const from = random.below(other.length + 1);
      if (random.chance(50)) return Buffer.concat([bytes.subarray(0, place()), other.subarray(from)]);
      const piece = other.subarray(from, from + 1 + random.below(60));
      return splice(bytes, place(), piece.length, piece);
    }
  }
}

function splice(bytes, at, removed, added) {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(Math.min(bytes.length, at + removed))]);
}

/** What stands behind streams: nothing, padding, the start of a member, any bytes. */
function garbage(random, samples) {
  switch (random.below(5)) {
    case 0:
      return new Uint8Array(1 + random.below(random.pick([1, 600])));
    case 1:
      return random.bytes(1 + random.below(random.pick([1, 30])));
    case 2:
      return Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3).subarray(0, 1 + random.below(10));
    case 3:
      return Uint8Array.of(0x78, random.pick([0x9c, 0x01, 0xda, 0xbb, 0x00]));
    default: {
      const { header, deflated, trailer } = random.pick(random.pick(samples).members);
      return Buffer.concat([header, deflated, trailer]);
    }
  }
}
