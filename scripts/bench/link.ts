import type { Link } from "../../test/faults/proxy/tcp-proxy.ts";
import { withClient } from "../../test/lab/index.ts";
import { parseSize } from "../demo/size.ts";
import { spread } from "./statistics.ts";

/** What `--link` takes, for people. */
export const linkForm =
  "a round trip of 0 to 2000 ms and what each connection carries each way in a second, 64KB to 1GB, e.g. 30ms,25MB/s";

/** The link of `30ms,25MB/s`; undefined when it is none. */
export function parseLink(text: string): Link | undefined {
  const [, milliseconds, rate = ""] = /^(\d+(?:\.\d+)?)\s*ms\s*,([^,]+)\/s$/i.exec(text.trim()) ?? [];
  const roundTripMs = Number(milliseconds);
  const bytesPerSecond = parseSize(rate) ?? Number.NaN;
  const possible = roundTripMs <= 2000 && bytesPerSecond >= 64e3 && bytesPerSecond <= 1e9;
  return possible ? { roundTripMs, bytesPerSecond } : undefined;
}

/** `30 ms, 25 MB/s a connection`; what was measured, rounded to a tenth. */
export function linkText({ roundTripMs, bytesPerSecond }: Link): string {
  const short = (value: number): number => Number(value.toFixed(1));
  return `${short(roundTripMs)} ms, ${short(bytesPerSecond / 1e6)} MB/s a connection`;
}

/**
 * What the link really is, as one session sees it: the median of twenty small queries, and of three answers of half a second.
 *
 * @param url of a database, by way of the link
 */
export function measureLink(url: string, link: Link): Promise<Link> {
  return withClient(url, async (client) => {
    const took = async (sql: string): Promise<number> => {
      const begun = performance.now();
      await client.query(sql);
      return performance.now() - begun;
    };
    const median = async (sql: string, times: number): Promise<number> => {
      const all: number[] = [];
      while (all.length < times) all.push(await took(sql));
      return spread(all).median;
    };
    const roundTripMs = await median("select 1", 20);
    const bytes = Math.min(50e6, Math.round(link.bytesPerSecond / 2));
    const answer = await median(`select repeat('x', ${bytes})`, 3);
    return { roundTripMs, bytesPerSecond: (bytes * 1000) / (answer - roundTripMs) };
  });
}
