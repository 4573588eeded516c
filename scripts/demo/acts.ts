import type { Log } from "../../actions/lib/base/log.ts";
import { formatDuration } from "../../actions/lib/base/measures.ts";
import { createLineLog, streamSink } from "../../actions/lib/edge/line-log.ts";
import { createTerminalLog } from "../../actions/lib/edge/terminal-log.ts";

/** Does one thing after the other, says so, and remembers how long each took. */
export class Acts {
  readonly log: Log = process.stderr.isTTY
    ? createTerminalLog(process.stderr, { verbose: false })
    : createLineLog(streamSink(process.stderr, false), { interval: 15_000 });
  readonly #begun = Date.now();
  readonly #times: [title: string, milliseconds: number][] = [];
  readonly #signal: AbortSignal;

  /** @param signal aborted: nothing more is begun */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async act<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    const begun = Date.now();
    const result = await this.log.group(`${this.#times.length + 1}. ${title}`, work);
    this.#times.push([title, Date.now() - begun]);
    return result;
  }

  tell(line: string): void {
    this.log.info(`  ${line}`);
  }

  summary(): string[] {
    const width = Math.max(...this.#times.map(([title]) => title.length));
    return [
      "",
      "What was done:",
      ...this.#times.map(([title, took], index) => `  ${index + 1}. ${title.padEnd(width)}  ${formatDuration(took)}`),
      `  in all ${formatDuration(Date.now() - this.#begun)}`,
    ];
  }
}
