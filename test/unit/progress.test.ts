import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { MovingTrack } from "../../actions/lib/base/log.ts";
import { createLineLog, type LineSink } from "../../actions/lib/edge/line-log.ts";
import { createTerminalLog } from "../../actions/lib/edge/terminal-log.ts";

function clockAt(start = 0): { now: number; read: () => number } {
  const clock = { now: start, read: () => clock.now };
  return clock;
}

const nobody = { changed() {}, ended() {} };

function collectingSink(): LineSink & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (kind: string) => (line: string) => void lines.push(`${kind}${line}`);
  return {
    lines,
    info: keep(""),
    warn: keep("warning "),
    debug: keep("debug "),
    groupStart: keep(">> "),
    groupEnd: () => void lines.push("<<"),
  };
}

describe("progress", () => {
  test("the estimate follows the rate of the last seconds, not of the whole time", () => {
    const clock = clockAt();
    const track = new MovingTrack("data", { bytes: 100_000_000, items: 0 }, clock.read, nobody);
    for (let second = 1; second <= 20; second++) {
      clock.now = second * 1000;
      track.advance({ bytes: 100_000 });
    }
    for (let second = 21; second <= 40; second++) {
      clock.now = second * 1000;
      track.advance({ bytes: 2_000_000 });
    }
    expect(track.rate).toBeGreaterThan(1_500_000);
    expect(track.remaining).toBeLessThan(40_000);
  });

  test("nothing is estimated before there is something to go by, without a total, or beyond it", () => {
    const clock = clockAt();
    const known = new MovingTrack("known", { bytes: 1000, items: 0 }, clock.read, nobody);
    const unknown = new MovingTrack("unknown", undefined, clock.read, nobody);
    clock.now = 1000;
    known.advance({ bytes: 100 });
    unknown.advance({ bytes: 100 });
    expect(known.remaining).toBeUndefined();
    clock.now = 10_000;
    unknown.advance({ bytes: 100 });
    expect(unknown.remaining).toBeUndefined();
    known.advance({ bytes: 5000 });
    expect(known.remaining).toBeUndefined();
    expect(known.describe()).not.toContain("of about");
  });

  test("a line log says how far it is now and then, and how it ended", () => {
    const sink = collectingSink();
    const clock = clockAt();
    const log = createLineLog(sink, { interval: 15_000, clock: clock.read });
    const track = log.track("public.exams", { bytes: 10_000_000, items: 0 });
    for (let tick = 0; tick < 200; tick++) {
      clock.now += 100;
      track.advance({ bytes: 40_000 });
    }
    track.end("done");
    expect(sink.lines).toHaveLength(2);
    expect(sink.lines[0]).toMatch(/public\.exams {2}6\.\d+ MB of about 10\.0 MB {2}.*\/s {2}about .* left/);
    expect(sink.lines[1]).toBe("  done: public.exams  8.00 MB in 20 s");
  });

  test("a group inside a group is only a title, and a group that fails is closed", async () => {
    const sink = collectingSink();
    const log = createLineLog(sink, { interval: 1000 });
    const failing = log.group("outer", () =>
      log.group("inner", async () => {
        throw new Error("on purpose");
      }),
    );
    await expect(failing).rejects.toThrow("on purpose");
    expect(sink.lines).toEqual([">> outer", "inner:", "<<"]);
  });

  test("a terminal keeps one line for each ended quantity and redraws the others", () => {
    let written = "";
    const terminal = { columns: 60, rows: 10, write: (text: string) => (written += text) };
    const log = createTerminalLog(terminal, { verbose: false });
    const tracks = Array.from({ length: 30 }, (_, index) => log.track(`table-${index}`, { bytes: 1e9, items: 0 }));
    for (const track of tracks) {
      track.advance({ bytes: 1e6 });
      track.note("a very long note that would not fit into the width of the terminal at all");
    }
    log.info("a line");
    const drawn = stripVTControlCharacters(written).split("\n");
    expect(Math.max(...drawn.map((line) => line.length))).toBeLessThan(60);
    expect(drawn.length).toBeLessThan(12);
    expect(drawn.at(-2)).toMatch(/and 23 more/);
    written = "";
    for (const track of tracks) track.end("done");
    log.info("the end");
    expect(stripVTControlCharacters(written).trimEnd().endsWith("the end")).toBe(true);
  });
});
