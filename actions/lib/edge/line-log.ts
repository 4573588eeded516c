import { visible } from "../base/escaping.ts";
import { type Log, MovingTrack, type Quantity } from "../base/log.ts";

/** Where lines go, and in which form. */
export interface LineSink {
  info(line: string): void;
  warn(line: string): void;
  debug(line: string): void;
  groupStart(title: string): void;
  groupEnd(): void;
}

interface LineLogOptions {
  /** Milliseconds between two lines about the same moving quantity. */
  readonly interval: number;
  readonly clock?: () => number;
}

/**
 * A log for readers who scroll: everything is a line, and a quantity that moves gets one now and then. Groups inside a
 * group are only a title, because GitHub's groups do not nest.
 */
export function createLineLog(sinkOfLines: LineSink, options: LineLogOptions): Log {
  const sink = visibleIn(sinkOfLines);
  const clock = options.clock ?? Date.now;
  let depth = 0;

  function track(name: string, total: Quantity | undefined): MovingTrack {
    let lastLine = clock();
    const moving: MovingTrack = new MovingTrack(name, total, clock, {
      changed() {
        if (clock() - lastLine < options.interval) return;
        lastLine = clock();
        sink.info(`  … ${moving.describe()}`);
      },
      ended(ended, outcome) {
        sink.info(`  ${outcome === "done" ? "done" : "FAILED"}: ${ended.summarize()}`);
      },
    });
    return moving;
  }

  return {
    info: (line) => sink.info(line),
    warn: (line) => sink.warn(line),
    debug: (line) => sink.debug(line),
    track,
    async group(title, work) {
      if (depth > 0) sink.info(`${title}:`);
      else sink.groupStart(title);
      depth++;
      try {
        return await work();
      } finally {
        depth--;
        if (depth === 0) sink.groupEnd();
      }
    },
  };
}

/** Names are chosen by others: none may move the cursor, begin a line of its own, or turn the direction of writing. */
function visibleIn(sink: LineSink): LineSink {
  return {
    info: (line) => sink.info(visible(line)),
    warn: (line) => sink.warn(visible(line)),
    debug: (line) => sink.debug(visible(line)),
    groupStart: (title) => sink.groupStart(visible(title)),
    groupEnd: () => sink.groupEnd(),
  };
}

/** Lines on a stream, for a CLI whose output is not a terminal. */
export function streamSink(stream: { write(text: string): unknown }, verbose: boolean): LineSink {
  const print = (line: string): void => {
    stream.write(`${line}\n`);
  };
  return {
    info: print,
    warn: (line) => print(`warning: ${line}`),
    debug: verbose ? print : () => {},
    groupStart: (title) => print(`== ${title}`),
    groupEnd() {},
  };
}
