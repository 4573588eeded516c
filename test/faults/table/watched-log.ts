import type { Log, Track } from "../../../actions/lib/base/log.ts";

/** Keeps every line that anybody could read, and does something as a stage, or something in it, begins. */
export interface WatchedLog extends Log {
  readonly lines: readonly string[];
}

/**
 * @param place the title of a stage, the name of something that moves, or what it says it is at
 * @param act called once; a stage begins when it is done
 */
export function watchedLog(place?: RegExp, act: () => unknown = () => {}): WatchedLog {
  const lines: string[] = [];
  let done = false;
  const say = (text: string): unknown => {
    lines.push(text);
    if (done || place === undefined || !place.test(text)) return undefined;
    done = true;
    return act();
  };
  const line = (text: string): void => void lines.push(text);
  return {
    ...{ lines, info: line, warn: line, debug: line },
    async group(title, work) {
      await say(title);
      return await work();
    },
    track(name): Track {
      say(name);
      return { advance() {}, note: (text) => void say(text), end: (outcome) => line(`${name} ${outcome}`) };
    },
  };
}
