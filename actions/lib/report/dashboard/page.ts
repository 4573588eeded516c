import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { formatMinute } from "../../base/measures.ts";
import { badgePath, dashboardPath } from "../branch/fold-runs.ts";
import { chartStyle } from "../branch/history-chart.ts";
import { badge } from "./badge.ts";
import { alertsSection, wellSection } from "./check-list.ts";
import { attribute, icons, shown } from "./html.ts";
import {
  answerSection,
  calendarsSection,
  chartsSection,
  limitsSection,
  runsSection,
  scenariosSection,
  setsSection,
} from "./sections.ts";
import type { StatusDocument } from "./status.ts";

const script = readFileSync(new URL("page.js", import.meta.url), "utf8");
const style = `${readFileSync(new URL("page.css", import.meta.url), "utf8")}${chartStyle.light}@media(prefers-color-scheme:dark){${chartStyle.dark}}`;

/** Nothing is loaded from elsewhere and nothing runs but the page's own script; it may ask only for `status.json`. */
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Files of the branch, by their paths. */
export function dashboardFiles(status: StatusDocument): ReadonlyMap<string, string> {
  return new Map([
    [dashboardPath, dashboardPage(status)],
    ["dashboard/status.json", `${JSON.stringify(status)}\n`],
    [badgePath, badge(status)],
  ]);
}

/**
 * One page without a server, complete as it is. Its script adds what only the reader's browser knows: how old everything is by now. Without
 * it, nothing on the page is green, and it says until when it is valid.
 */
function dashboardPage(status: StatusDocument): string {
  const { project, madeAt, nextDueAt, validUntil } = status;
  return [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">',
    `<title>${shown(project)}: can we recover now?</title>`,
    `<link rel="icon" href="${favicon}">`,
    `<style>${style}</style></head>`,
    `<body data-made="${attribute(madeAt)}" data-next="${attribute(nextDueAt)}" data-until="${attribute(validUntil)}">`,
    `<a class="skip" href="#alerts">Skip to open alerts</a>${icons}`,
    `<header><p><b>${shown(project)}</b> backups and recovery</p></header><main>`,
    answerSection(status),
    scenariosSection(status),
    alertsSection(status),
    calendarsSection(status),
    limitsSection(status),
    chartsSection(status),
    setsSection(status),
    wellSection(status),
    runsSection(status),
    "</main>",
    `<footer><p>Made at ${shown(formatMinute(madeAt))} by Lifeboat's monitor. The same as data: <a href="status.json">status.json</a>.</p></footer>`,
    `<script>${script}</script></body></html>`,
    "",
  ].join("\n");
}

const favicon = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="5.5" fill="none" stroke="#2b7a9b" stroke-width="4"/></svg>')}`;
