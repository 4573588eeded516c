import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import axe from "axe-core";
import { expect, test } from "vitest";
import { statusDocument } from "../../actions/lib/operations/monitor/status.ts";
import { chartStyle } from "../../actions/lib/report/branch/history-chart.ts";
import { dashboardFiles } from "../../actions/lib/report/dashboard/page.ts";
import { type StatusDocument, statusSchema } from "../../actions/lib/report/dashboard/status.ts";
import { openPage } from "../lab/browser.ts";
import { badFacts, checkResult, madeAt, standing, yearFacts, yearStatus } from "./dashboard-scene.ts";

const hour = 3_600_000;
const after = (hours: number): Date => new Date(madeAt.getTime() + hours * hour);
const pageOf = (status: StatusDocument): string => dashboardFiles(status).get("dashboard/index.html") ?? "";
const good = pageOf(yearStatus());
const bad = pageOf(statusDocument(badFacts()));
const live = "2026-11-30 09:14 UTC";

test.each([
  ["just made", 0],
  ["an hour old", 1],
  ["almost as old as it may be", 15.9],
])("a page that is %s answers by what was found", async (_, hours) => {
  using page = await openPage(good, { now: after(hours) });
  expect(page.problems).toEqual([]);
  expect(page.text(".said")).toBe("Yes");
  expect(page.one("#answer").dataset["level"]).toBe("ok");
  expect(page.one("#answer .icon use").getAttribute("href")).toBe("#i-ok");
  expect(page.all("[data-overdue]")).toEqual([]);
});

test.each([
  ["17 hours", 17],
  ["a day", 24],
  ["a week", 7 * 24],
  ["a year", 365 * 24],
])("a page that nobody has updated for %s is red and says since when", async (_, hours) => {
  using page = await openPage(good, { now: after(hours) });
  expect(page.problems).toEqual([]);
  expect(page.text(".said")).toBe(`No news since ${live}`);
  expect(page.one("#answer").dataset["level"]).toBe("critical");
  expect(page.one("#answer .icon use").getAttribute("href")).toBe("#i-critical");
  expect(page.text("#until")).toMatch(/^This page turned red at 2026-12-01 01:14 UTC/);
  // What was found says again of when it is.
  expect(page.text(".sentence")).toBe("At that time: Nothing needs you now.");
  for (const word of page.all(".well .word")) expect(word.textContent).toBe("was ok");
});

test("a check that stays unknown turns red on the page as it does for alerts", async () => {
  const due = { state: "unknown", dueAt: after(5).toISOString() } as const;
  const html = pageOf(yearStatus({ results: [checkResult(0), checkResult(1, due)] }));
  using early = await openPage(html, { now: after(4) });
  expect(early.one("#answer").dataset["level"]).toBe("unknown");
  expect(early.text("#open")).not.toContain("valid until");
  using late = await openPage(html, { now: after(6) });
  expect(late.one("#check-check-1").dataset["level"]).toBe("critical");
  expect(late.one("#answer").dataset["level"]).toBe("critical");
});

test("one check that was not looked at again in time turns red and stands among the open alerts", async () => {
  const results = [checkResult(0), checkResult(1, { dueAt: after(5).toISOString() }), checkResult(2)];
  const html = pageOf(yearStatus({ results }));
  using early = await openPage(html, { now: after(4) });
  expect(early.one("#check-check-1").dataset["level"]).toBe("ok");
  expect(early.text("#no-alerts")).toBe("None.");
  using late = await openPage(html, { now: after(6) });
  expect(late.one("#check-check-1").dataset["level"]).toBe("critical");
  expect(late.text("#check-check-1 .word")).toBe("overdue");
  expect(late.text("#open")).toContain("No news. This was valid until 2026-11-30 14:14 UTC (1 h ago)");
  expect(late.one("#no-alerts").hidden).toBe(true);
  expect(late.text(".said")).toBe("Something is overdue");
  expect(late.one("#answer").dataset["level"]).toBe("critical");
  expect(late.one("#check-check-2").dataset["level"]).toBe("ok");
});

test("a silenced check that becomes overdue turns nothing red", async () => {
  const silences = [{ check: "check-1", until: "2026-12-07", reason: "It is being replaced." }];
  const results = [checkResult(0), checkResult(1, { state: "warning", dueAt: after(5).toISOString() })];
  using page = await openPage(pageOf(yearStatus({ results, silences })), { now: after(6) });
  expect(page.one("#answer").dataset["level"]).toBe("ok");
  expect(page.text("#check-check-1")).toContain("silenced until 2026-12-07: It is being replaced.");
});

test("a scenario says by itself when more would be lost than is promised", async () => {
  const facts = yearFacts({ standing: standing({ sets: standing().sets.slice(0, 1) }) });
  const { scenarios } = statusDocument(facts);
  // The newest set is of 5 hours before, and 24 hours are promised.
  expect(scenarios.find(({ scenario }) => scenario === "completeLoss")?.dueAt).toBe(after(19).toISOString());
  const html = pageOf(statusDocument(facts)).replace(/data-until="[^"]*"/, `data-until="${after(99).toISOString()}"`);
  using page = await openPage(html, { now: after(20) });
  expect(page.all(".card").map(({ dataset }) => dataset["level"])).toContain("critical");
  expect(page.text(".said")).toMatch(/overdue$/);
});

test("a reader's clock that is before the page was made makes it red, and is named", async () => {
  using page = await openPage(good, { now: after(-10) });
  expect(page.text(".said")).toBe("Not known: this device's clock is wrong");
  expect(page.one("#answer").dataset["level"]).toBe("critical");
  expect(page.text("#clock")).toContain("before this page was made");
  expect(page.all(".ago").every(({ textContent }) => textContent === "")).toBe(true);
});

test("the later one of the reader's clock and the server's counts", async () => {
  const status = yearStatus();
  const url = "https://qimma.github.io/dashboard/index.html";
  using behind = await openPage(good, { url, now: after(1), server: { date: after(20), status } });
  expect(behind.text(".said")).toBe(`No news since ${live}`);
  expect(behind.text("#clock")).toContain("clock is 19 h behind the server's");
  using ahead = await openPage(good, { url, now: after(20), server: { date: after(1), status } });
  expect(ahead.text(".said")).toBe(`No news since ${live}`);
  expect(ahead.text("#clock")).toContain("clock is 19 h ahead of the server's");
  using alike = await openPage(good, { url, now: after(1), server: { date: after(1.01), status } });
  expect(alike.text(".said")).toBe("Yes");
  expect(alike.one("#clock").hidden).toBe(true);
});

test("a page that finds newer news loads it once, and says so when it still sees the old one", async () => {
  const url = "https://qimma.github.io/dashboard/index.html";
  const server = { date: after(4), status: yearStatus({ now: after(3) }) };
  using first = await openPage(good, { url, now: after(4), server });
  expect(first.problems.join()).toContain("navigation");
  const news = first.window.sessionStorage.getItem("lifeboat-news") ?? "";
  using again = await openPage(good, { url, now: after(4), server, kept: { "lifeboat-news": news } });
  expect(again.problems).toEqual([]);
  expect(again.text("#clock")).toContain("There is newer news, of 2026-11-30 12:14 UTC");
});

test("without its script nothing on the page is well without saying when, and it says until when it is valid", async () => {
  using page = await openPage(good, { now: after(1000), script: false });
  expect(page.one("html").getAttribute("class")).toBeNull();
  expect(page.text(".said")).toBe(`At ${live}: yes`);
  expect(page.text(".still")).toContain("Is it later than 2026-12-01 01:14 UTC?");
  for (const { textContent } of page.all(".card .word")) expect(textContent).toBe(`Yes (${live})`);
  for (const { textContent } of page.all(".well .word")) expect(textContent).toBe("was ok");
  expect(page.text("#well h2")).toContain(live);
  expect(page.text("#no-alerts")).toContain(live);
  // Green is the colour of a page that knows how old it is.
  const style = page.text("style");
  expect(style.match(/--level: var\(--ok\)/g)).toHaveLength(1);
  expect(style).toContain('.live [data-level="ok"] { --level: var(--ok); }');
});

test("a script that fails leaves the page as it is without one", async () => {
  using page = await openPage(good.replace('id="next"', 'id="other"'), { now: after(1) });
  expect(page.problems.join()).not.toBe("");
  expect(page.one("html").getAttribute("class") ?? "").not.toContain("live");
});

test("what is wrong stands on top, with what to do, who was told and the runbook", async () => {
  using page = await openPage(bad, { now: after(1) });
  expect(page.text(".said")).toBe("Yes, but more would be lost than promised");
  expect(page.text(".sentence")).toMatch(/^1 critical, 1 unknown, 1 warning, 1 silenced of \d+ checks\.$/);
  expect(page.all("#open > li").map(({ dataset }) => dataset["level"])).toEqual([
    "critical",
    "unknown",
    "warning",
    "silenced",
  ]);
  const first = page.text("#open > li");
  expect(first).toContain("Do: Open the last run of backup.yml");
  expect(page.text("#open > li code")).toBe("backup.yml");
  expect(first).toContain("told by slack, email at 2026-11-30 06:14 UTC");
  expect(page.one("#open a").getAttribute("href")).toBe(
    "https://github.com/qimma/backups/blob/HEAD/runbooks/backup-failed.md",
  );
  expect(page.text(".unreached")).toContain("slack took no message since 2026-11-27");
});

test("checks that need the same thing say once what to do", async () => {
  const unset = { state: "unknown", found: "TOKEN is not set.", means: "Nobody knows.", next: "Set TOKEN." } as const;
  const results = [1, 2, 3].map((index) => checkResult(index, unset));
  using page = await openPage(pageOf(yearStatus({ results })), { now: after(1) });
  expect(page.all("#open .next").map(({ textContent }) => textContent)).toEqual([
    "Do: Set TOKEN.",
    "Do: the same as above.",
    "Do: the same as above.",
  ]);
  expect(page.text("#open").match(/Nobody knows/g)).toHaveLength(1);
});

test("a page without checks or promises is not well", async () => {
  using page = await openPage(pageOf(yearStatus({ results: [], promises: undefined })), { now: after(1) });
  expect(page.one("#answer").dataset["level"]).toBe("unknown");
  expect(page.text(".said")).toBe("Not known");
});

test("texts of strangers stay texts", async () => {
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e</title></style>&amp;`;
  const facts = badFacts();
  const status = statusDocument({
    ...facts,
    project: evil,
    repository: `https://github.com/a/b"onclick="alert(3)`,
    results: facts.results.map((one) => ({
      ...one,
      ...{
        title: evil.repeat(9),
        found: evil.repeat(99),
        means: evil,
        next: evil,
        runbook: `javascript:${evil}`,
        dueAt: evil,
      },
    })),
    silences: [{ check: "check-1", until: "2026-12-07", reason: evil }],
    rows: facts.rows.map((row) => ({ ...row, operations: row.operations.map((one) => ({ ...one, tier: evil })) })),
    runs: [{ workflow: evil, at: madeAt.toISOString() }],
  });
  expect(statusSchema.safeParse(status).error).toBeUndefined();
  const html = pageOf(status);
  using page = await openPage(html, { now: after(1) });
  expect(page.problems).toEqual([]);
  expect(page.all("script")).toHaveLength(1);
  expect(page.all("img, iframe, object, [onerror], [onclick], [style]")).toEqual([]);
  for (const link of page.all("a")) expect(link.getAttribute("href")).toMatch(/^(#alerts|status\.json)$/);
  expect(html).not.toContain("\u202e");
});

test("the policy of the page allows its own script and style, and nothing else", async () => {
  using page = await openPage(good, { now: after(1) });
  const policy = page.one("meta[http-equiv=Content-Security-Policy]").getAttribute("content") ?? "";
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  expect(policy.split("; ")).toEqual([
    "default-src 'none'",
    `script-src ${hash(/<script>([\s\S]*)<\/script>/.exec(good)?.[1] ?? "")}`,
    `style-src ${hash(/<style>([\s\S]*)<\/style>/.exec(good)?.[1] ?? "")}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ]);
  // Inside of SVG a style would be refused.
  expect(page.all("style")).toHaveLength(1);
  expect(good).not.toMatch(/ style=|(?:src|href)="(?:https?:)?\/\//);
});

test("a realistic year takes at most 150 kB, and its document is in its form", () => {
  const status = yearStatus({}, { checks: 45, sets: 60 });
  expect(statusSchema.safeParse(status).error).toBeUndefined();
  expect(status.sets).toHaveLength(60);
  expect(status.checks).toHaveLength(45);
  expect(Buffer.byteLength(pageOf(status))).toBeLessThan(150_000);
});

test("axe finds nothing on a page with something of every kind", async () => {
  using page = await openPage(bad, { now: after(1) });
  page.window.eval(axe.source);
  // There is no layout here: colours are looked at in a browser.
  const options = '{ rules: { "color-contrast": { enabled: false } } }';
  const { violations } = (await page.window.eval(`axe.run(document, ${options})`)) as axe.AxeResults;
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
});

test.each([
  ["light", "#fff", /^:root \{([^}]*)\}/],
  ["dark", "#1b2129", /\(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}/],
] as const)("words in the pictures have contrast on a %s card, which axe cannot measure", (scheme, card, theme) => {
  const css = readFileSync(new URL("../../actions/lib/report/dashboard/page.css", import.meta.url), "utf8");
  const colours = theme.exec(css)?.[1] ?? "";
  expect(colours).toContain(`--card: ${card};`);
  const quiet = /--quiet: (#\w+)/.exec(colours)?.[1] ?? "";
  const words = [...chartStyle[scheme].matchAll(/\{fill:(#\w+)\}/g)].map(([, fill]) => fill ?? "");
  expect(words.length).toBeGreaterThan(5);
  for (const colour of [quiet, ...words]) expect(contrast(colour, card), colour).toBeGreaterThanOrEqual(4.5);
});

/** WCAG 2.2, "contrast ratio" and "relative luminance". */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const [, hex = ""] = /^#(\w+)$/.exec(colour) ?? [];
    const channels = hex.length === 3 ? [...hex].map((digit) => digit + digit) : (hex.match(/../g) ?? []);
    const linear = channels.map((two) => {
      const share = Number.parseInt(two, 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const [red = 0, green = 0, blue = 0] = linear;
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

test("the badge says until when it is valid, and never well when something is critical", () => {
  const badgeOf = (status: StatusDocument): string => dashboardFiles(status).get("dashboard/badge.svg") ?? "";
  expect(badgeOf(yearStatus())).toContain("backups: ok · valid until 2026-12-01 01:14 UTC");
  expect(badgeOf(statusDocument(badFacts()))).toContain("backups: critical · valid until");
});
