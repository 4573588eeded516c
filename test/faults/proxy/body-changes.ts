import { Transform } from "node:stream";

/** Changes the byte at `at`, or the last one of a shorter body. */
export function flipByte(at: number): Transform {
  let offset = 0;
  let held: Buffer | undefined; // the chunk before, in case the body ends before `at`
  const flipped = (chunk: Buffer, index: number) => {
    const changed = Buffer.from(chunk);
    changed[index] = (changed[index] ?? 0) ^ 0x01;
    return changed;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (held !== undefined) this.push(held);
      held = chunk;
      if (offset <= at && at < offset + chunk.byteLength) held = flipped(chunk, at - offset);
      offset += chunk.byteLength;
      done();
    },
    flush(done) {
      if (held !== undefined) this.push(offset <= at ? flipped(held, held.byteLength - 1) : held);
      done();
    },
  });
}

/** Calls `then` once when `bytes` have passed. */
export function after(bytes: number, then: () => void): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const before = left;
      left -= chunk.byteLength;
      done(null, chunk.subarray(0, Math.max(0, before)));
      if (before > 0 && left <= 0) setImmediate(then);
    },
  });
}

/** Lets only the first bytes through. */
export function firstBytes(bytes: number): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(0, left);
      left -= part.byteLength;
      done(null, part);
    },
  });
}
