import { Duplex } from "node:stream";

/** What happens to the bytes of one direction of one connection. */
export interface Pace {
  readonly bytesPerSecond: number;
  /** How long a byte is on its way once it is sent. Default: no time. */
  readonly delayMs?: number;
  /** By `performance.now()`: nothing is sent before. Default: at once. */
  readonly opensAt?: number;
}

/** What is sent in one go, and what may wait before the line, in seconds of its rate. */
const piece = 0.01;
const waiting = 0.05;

/** A timer is late rather than early; what is due so soon goes now. */
const soonMs = 0.5;

/**
 * Passes bytes on as a line does: one after another at its rate, each arriving its delay later. The delay is no gate: what follows is on its way
 * meanwhile. It holds what is on its way and a twentieth of a second of what waits; its sender waits for the rest.
 */
export class Line extends Duplex {
  readonly #rate: number;
  readonly #delay: number;
  readonly #most: number;
  /** By the time of arrival; null is the end. */
  readonly #onTheWay: { readonly bytes: Buffer | null; readonly due: number }[] = [];
  #held = 0;
  /** When the line has sent all that it was given. */
  #free: number;
  #wanted = false;
  #goOn: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ bytesPerSecond, delayMs = 0, opensAt = 0 }: Pace) {
    super({ highWaterMark: 64 * 1024 });
    this.#rate = bytesPerSecond / 1000;
    this.#delay = delayMs;
    this.#most = bytesPerSecond * (delayMs / 1000 + waiting);
    this.#free = opensAt;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const length = Math.max(1, Math.floor(this.#rate * 1000 * piece));
    for (let from = 0; from < chunk.byteLength; from += length) this.#send(chunk.subarray(from, from + length));
    this.#goOn = done;
    this.#deliver();
  }

  override _final(done: () => void): void {
    this.#send(null);
    this.#deliver();
    done();
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    done(error);
  }

  #send(bytes: Buffer | null): void {
    const length = bytes?.byteLength ?? 0;
    this.#free = Math.max(performance.now(), this.#free) + length / this.#rate;
    this.#held += length;
    this.#onTheWay.push({ bytes, due: this.#free + this.#delay });
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    while (this.#wanted && !this.destroyed) {
      const [next] = this.#onTheWay;
      if (next === undefined) break;
      const wait = next.due - performance.now();
      if (wait > soonMs) {
        this.#timer = setTimeout(() => this.#deliver(), wait);
        break;
      }
      this.#onTheWay.shift();
      this.#held -= next.bytes?.byteLength ?? 0;
      this.#wanted = this.push(next.bytes);
    }
    const goOn = this.#goOn;
    if (goOn === undefined || this.#held > this.#most) return;
    this.#goOn = undefined;
    goOn();
  }
}
