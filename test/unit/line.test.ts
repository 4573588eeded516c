import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { linkForm, parseLink } from "../../scripts/bench/link.ts";
import { Line } from "../faults/proxy/line.ts";

/** Sends pieces down a line; when each byte's piece came out, in ms from the first one's sending. */
async function timesThrough(line: Line, pieces: readonly Buffer[]): Promise<{ all: Buffer; times: number[] }> {
  const begun = performance.now();
  const came: Buffer[] = [];
  const times: number[] = [];
  for await (const piece of Readable.from(pieces).pipe(line) as AsyncIterable<Buffer>) {
    came.push(piece);
    times.push(performance.now() - begun);
  }
  return { all: Buffer.concat(came), times };
}

const some = (count: number, bytes: number) => Array.from({ length: count }, (_, at) => Buffer.alloc(bytes, at));

test("a line's delay is on the way, not between: what follows does not wait for it", async () => {
  const pieces = some(50, 100);
  const short = await timesThrough(new Line({ bytesPerSecond: 1e9, delayMs: 50 }), pieces);
  const long = await timesThrough(new Line({ bytesPerSecond: 1e9, delayMs: 400 }), pieces);
  expect(Buffer.concat(pieces).equals(long.all)).toBe(true);
  for (const { times } of [short, long]) {
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    // Fifty gates would make it fifty times as long.
    expect(last / first).toBeLessThan(2);
  }
  expect((long.times[0] ?? 0) / (short.times[0] ?? 0)).toBeGreaterThan(3);
});

test("a line's rate is what it carries, whatever its delay", async () => {
  const pieces = some(20, 50_000);
  const took = async (bytesPerSecond: number, delayMs: number): Promise<number> => {
    const { all, times } = await timesThrough(new Line({ bytesPerSecond, delayMs }), pieces);
    expect(all.byteLength).toBe(1_000_000);
    return (times.at(-1) ?? 0) - delayMs;
  };
  const [slow, fast] = [await took(1_000_000, 0), await took(4_000_000, 100)];
  expect(slow / fast).toBeGreaterThan(3);
  expect(slow / fast).toBeLessThan(5);
});

test("a line holds what is on its way and a little more, however much there is to send, also when nobody takes it", async () => {
  const line = new Line({ bytesPerSecond: 1_000_000, delayMs: 100 });
  let given = 0;
  const source = Readable.from(
    (function* () {
      for (;;) {
        given += 10_000;
        yield Buffer.alloc(10_000);
      }
    })(),
    { objectMode: false, highWaterMark: 10_000 },
  );
  source.pipe(line);
  await sleep(600);
  // In flight 100 kB, before the line 50 kB, and what Node's own streams keep: twice 64 KiB.
  expect(given).toBeLessThan(400_000);
  source.destroy();
  line.destroy();
});

test("a link is given as round trip and rate, and nothing else is one", () => {
  expect(parseLink("30ms,25MB/s")).toEqual({ roundTripMs: 30, bytesPerSecond: 25e6 });
  expect(parseLink(" 0.5 ms, 64KB/s")).toEqual({ roundTripMs: 0.5, bytesPerSecond: 64e3 });
  for (const text of [
    "",
    "30ms",
    "25MB/s",
    "30,25MB/s",
    "-1ms,25MB/s",
    "30ms,25MB",
    "30ms,1KB/s",
    "3000ms,1MB/s",
    "30ms,2GB/s",
    "30ms,25MB/s,1",
  ])
    expect(parseLink(text), text).toBeUndefined();
  expect(parseLink(linkForm.split("e.g. ")[1] ?? "")).toBeDefined();
});
