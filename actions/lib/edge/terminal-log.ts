import { styleText } from "node:util";
import { visible } from "../base/escaping.ts";
import { type Log, MovingTrack } from "../base/log.ts";

/** What is needed of a terminal: `process.stderr` has it. */
interface Terminal {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

const REDRAW = 100;

/**
 * A log for a terminal: lines scroll by, and below them stands what is moving now, redrawn ten times a second. Nothing
 * is left of that at the end but one line for each quantity that ended.
 */
export function createTerminalLog(terminal: Terminal, options: { readonly verbose: boolean }): Log {
  const moving = new Set<MovingTrack>();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  // Back to the first drawn line, and clear from there to the end of the screen.
  const erase = (): string => (drawn === 0 ? "\r\x1b[J" : `\x1b[${drawn}A\r\x1b[J`);

  function draw(line?: string): void {
    const width = (terminal.columns ?? 80) - 1;
    const room = Math.max(1, Math.min(moving.size, (terminal.rows ?? 24) - 2, 12));
    const lines = [...moving].slice(0, room).map((track) => `  ${visible(track.describe())}`.slice(0, width));
    if (moving.size > room) lines[room - 1] = `  … and ${moving.size - room + 1} more`;
    const above = line === undefined ? "" : `${line}\n`;
    terminal.write(`${erase()}${above}${lines.map((text) => `${text}\n`).join("")}`);
    drawn = lines.length;
  }

  function move(): void {
    if (moving.size > 0) {
      timer ??= setInterval(draw, REDRAW);
      timer.unref();
    } else {
      clearInterval(timer);
      timer = undefined;
    }
  }

  return {
    info: (line) => draw(visible(line)),
    warn: (line) => draw(styleText("yellow", `warning: ${visible(line)}`)),
    debug: (line) => (options.verbose ? draw(styleText("dim", visible(line))) : undefined),
    async group(title, work) {
      draw(styleText("bold", visible(title)));
      return await work();
    },
    track(name, total) {
      const track = new MovingTrack(visible(name), total, Date.now, {
        changed() {},
        ended(ended, outcome) {
          moving.delete(ended);
          draw(
            `  ${outcome === "done" ? styleText("green", "✓") : styleText("red", "✗")} ${visible(ended.summarize())}`,
          );
          move();
        },
      });
      moving.add(track);
      move();
      return track;
    },
  };
}
