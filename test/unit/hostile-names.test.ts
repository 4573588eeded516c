import { afterEach, describe, expect, test, vi } from "vitest";
import type { Log } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { createActionsLog } from "../../actions/lib/edge/action.ts";
import { createLineLog, streamSink } from "../../actions/lib/edge/line-log.ts";
import { createTerminalLog } from "../../actions/lib/edge/terminal-log.ts";
import { alertText, cleanAlert } from "../../actions/lib/notify/alert.ts";
import { slackMessage } from "../../actions/lib/notify/slack.ts";
import { renderText } from "../../actions/lib/report/page.ts";
import { cleaner } from "../../actions/lib/report/run/clean-text.ts";

/** What somebody calls a table who wants to be more than text. */
const hostile = "a\u001b[2Jb\u009b2Jc\u202egnp.exe\r\n::error::forged\n##[stop-commands]x\u0007\u2028";
const noText = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

afterEach(() => void vi.restoreAllMocks());

async function tell(log: Log): Promise<void> {
  log.info(hostile);
  log.warn(hostile);
  log.debug(hostile);
  await log.group(hostile, async () => log.group(hostile, async () => {}));
  const track = log.track(hostile, undefined);
  track.note?.(hostile);
  track.end("done");
}

describe("a name that holds control characters", () => {
  test("is text in lines", async () => {
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    await tell(createLineLog(streamSink(stream, true), { interval: 0 }));
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(line.replace(/\n$/, "")).not.toMatch(noText);
  });

  test("is text on a terminal, beside what we draw ourselves", async () => {
    let drawn = "";
    const write = (text: string) => {
      drawn += text;
    };
    await tell(createTerminalLog({ write, columns: 300 }, { verbose: true }));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what the log draws with
    expect(drawn.replaceAll(/\u001b\[\d*A|\r|\u001b\[J|\u001b\[\d+m|\n/g, "")).not.toMatch(noText);
  });

  test("is text on a page", () => {
    const page = { title: hostile, sentence: hostile, notes: [hostile] };
    const lines = renderText({ ...page, tables: [{ title: hostile, header: [hostile], rows: [[hostile]] }] });
    for (const line of lines) expect(line).not.toMatch(noText);
  });

  test("is text in a message to people, and makes no link there", () => {
    const texts = {
      title: hostile,
      sentence: hostile,
      facts: [[hostile, hostile]] as const,
      lines: [hostile],
      next: hostile,
    };
    const alert = cleanAlert({ level: "failed", ...texts, links: [] }, cleaner({}));
    const said: string[] = [alertText(alert)];
    const sent = JSON.stringify(slackMessage(alert), (_, part: unknown) => {
      if (typeof part === "string") said.push(part);
      return part;
    });
    expect(said.length).toBeGreaterThan(10);
    for (const text of said) expect(text.replaceAll("\n", "")).not.toMatch(noText);
    expect(sent.match(/"verbatim":true/g)).toHaveLength(sent.match(/"mrkdwn"/g)?.length ?? 0);
  });

  test("is no command to GitHub's runner, neither of the new kind nor of the old", async () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    const log = createActionsLog();
    await tell(log);
    log.info("::error::forged");
    log.info("  ::add-mask::x");
    const lines = written.join("").split("\n");
    expect(lines.filter((line) => /^\s*::error|::add-mask/.test(line))).toEqual([]);
    const plain = lines.filter((line) => !/^::(?:group|endgroup|warning|debug)/.test(line));
    expect(plain.filter((line) => line.includes("##["))).toEqual([]);
  });
});

describe("a password that is not percent-encoded", () => {
  test.each([
    "postgresql://lifeboat:s3@cr3t/p1ece@db.example.com:5432/postgres",
    "postgresql://lifeboat:cr3t/p1ece@db.example.com:5432/postgres",
    "postgresql://lifeboat:s3@cr3t:5432/p1ece@db.example.com/postgres?sslmode=require",
    "postgresql://lifeboat:s3@cr3t p1ece!/x",
    "postgresql://lifeboat:6543/p1ece@db.example.com/postgres?user=x",
  ])("is never taken for the host, or repeated: %s", (url) => {
    const refused = (() => {
      try {
        return JSON.stringify(parseConnectionUrl(url));
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toMatchObject({ code: "connection-url" });
    expect(JSON.stringify([String(refused), refused])).not.toMatch(/cr3t|p1ece/);
  });

  test("is taken when it is encoded, and whatever a host may be called", () => {
    const encoded = parseConnectionUrl("postgresql://lifeboat:s3%40cr3t%2Fp1ece@db.example.com:5432/postgres");
    expect([encoded.host, encoded.password?.reveal()]).toEqual(["db.example.com", "s3@cr3t/p1ece"]);
    for (const host of ["localhost", "127.0.0.1", "[::1]", "%2Fvar%2Frun%2Fpostgresql", "db_1", "münchen.example"])
      expect(parseConnectionUrl(`postgresql://a:b@${host}/postgres`).host).not.toBe("");
  });
});
