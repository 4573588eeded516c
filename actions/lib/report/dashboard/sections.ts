import { formatBytes, formatCount, formatDay, formatDuration, formatMinute } from "../../base/measures.ts";
import { levelOfAnswer } from "../../policy/monitor/recoverable.ts";
import { scenarioNames, span } from "../../policy/promises.ts";
import { historyChart } from "../branch/history-chart.ts";
import { calendarChart, calendarLegend, calendarSentence } from "./calendar-chart.ts";
import { due, icon, live, moment, section, shown, table } from "./html.ts";
import type { StatusCalendar, StatusDocument, StatusLimit, StatusScenario } from "./status.ts";
import { answerWords, levelOf, verdictOf } from "./verdict.ts";

/** The question that the page is there for, and until when its answer is valid. */
export function answerSection(status: StatusDocument): string {
  const { level, answer, sentence } = verdictOf(status);
  const { madeAt, nextDueAt, validUntil } = status;
  return [
    `<section id="answer" class="answer" data-level="${level}" aria-labelledby="question">${icon(level)}<div>`,
    `<h1 id="question">Can we recover now?</h1>`,
    `<p class="said" role="status">${live(answer, `At ${formatMinute(madeAt)}: ${answer.charAt(0).toLowerCase()}${answer.slice(1)}`)}</p>`,
    `<p class="sentence">${live(sentence, `At that time: ${sentence}`)}</p>`,
    `<p class="clock" id="clock" hidden></p>`,
    `<p class="meta">Looked at ${moment(madeAt, "local")}. <span id="next">Next news is expected by ${moment(nextDueAt)}.</span> `,
    `<span id="until">Without news this page turns red at ${moment(validUntil, "local")}.</span></p>`,
    `<p class="still"><strong>Is it later than ${shown(formatMinute(validUntil))}? Then nobody has looked since, and nothing on this page is valid: treat all of it as red.</strong> `,
    "The page's script is not running, so it cannot tell by itself.</p>",
    "</div></section>",
  ].join("");
}

export function scenariosSection({ scenarios, madeAt, vaultAsked }: StatusDocument): string {
  const note = vaultAsked ? "" : "<p>The vault could not be asked when the page was made.</p>";
  const none = scenarios.length === 0 ? "<p>No promise could be read, so nothing is compared here.</p>" : "";
  const cards = scenarios.map((one) => scenarioCard(one, madeAt)).join("");
  return section("scenarios", "What a recovery would bring back", note, none, `<div class="cards">${cards}</div>`);
}

function scenarioCard({ scenario, answer, why, dueAt, loss, time, drill }: StatusScenario, madeAt: string): string {
  const level = levelOfAnswer[answer];
  const words = answerWords(answer);
  const lostSince = loss.now === null ? undefined : new Date(Date.parse(madeAt) - loss.now * 60_000).toISOString();
  const now =
    lostSince === undefined
      ? "not known"
      : `<span data-grows="${lostSince}">${shown(`${span(loss.now ?? 0)} at ${formatMinute(madeAt)}`)}</span>`;
  const facts: readonly (readonly [string, string])[] = [
    ["Would be lost now", now],
    ["Would be lost at worst", loss.atWorst === null ? "not known" : span(loss.atWorst)],
    ["Loss promised at most", span(loss.promised)],
    ["Time measured", time.measured === null ? "never measured" : span(time.measured)],
    ["Time promised at most", span(time.promised)],
    ["Last drill", drill === null ? "none" : formatDay(drill.at)],
  ];
  const name = scenarioNames[scenario];
  return [
    `<article class="card" data-level="${level}"${due(dueAt)}>`,
    `<h3>${name.charAt(0).toUpperCase()}${name.slice(1)}</h3>`,
    `<p class="verdict">${icon(level)}<b class="word">${live(words, `${words} (${formatMinute(madeAt)})`)}</b></p>`,
    `<p>${shown(why)}</p>`,
    `<dl>${facts.map(([term, fact]) => `<div><dt>${term}</dt><dd>${fact}</dd></div>`).join("")}</dl>`,
    dueAt === undefined ? "" : `<p class="meta due">Valid until ${moment(dueAt)}.</p>`,
    "</article>",
  ].join("");
}

export function calendarsSection({ calendars }: StatusDocument): string {
  const figure = (title: string, parts: readonly StatusCalendar[]): string => {
    if (parts.length === 0) return "";
    const sentences = parts.map((one) => `<li>${shown(calendarSentence(one))}</li>`).join("");
    const chart = `<div class="scroll end" role="region" tabindex="0" aria-label="${title}, the last year"><div>${calendarChart(title, parts)}</div></div>`;
    return `<figure><figcaption><h3>${title}</h3></figcaption>${chart}<ul class="plain">${sentences}</ul></figure>`;
  };
  const database = figure(
    "Sets of the database",
    calendars.filter(({ what }) => what !== "files"),
  );
  const files = figure(
    "Copies of the files",
    calendars.filter(({ what }) => what === "files"),
  );
  const none = calendars.length === 0 ? "<p>No copy is known yet.</p>" : calendarLegend;
  return section("year", "The last year, copy by copy", database, files, none);
}

export function limitsSection({ limits, checks }: StatusDocument): string {
  if (limits.length === 0) return "";
  const items = limits.map((limit) => {
    const check = checks.find(({ id }) => id === limit.id);
    return limitItem(limit, check === undefined ? "unknown" : levelOf(check));
  });
  return section("limits", "How near the limits are", `<ul class="limits">${items.join("")}</ul>`);
}

function limitItem({ title, unit, value, limit, reachedOn, days }: StatusLimit, level: string): string {
  const share = value / limit;
  const percent = Math.round(share * 100);
  const forecast =
    value >= limit
      ? "It is reached."
      : reachedOn === null
        ? "At the present pace it is not reached within two years, or the pace is not known yet."
        : `At the present pace it is reached about ${reachedOn}.`;
  const width = Math.max(0.5, Math.min(100, share * 100)).toFixed(1);
  return [
    `<li data-level="${level}"><h3>${shown(title)}</h3>`,
    `<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="4"/><rect class="used" width="${width}" height="4"/></svg>`,
    `<p><b>${percent} %</b> of ${amount(limit, unit)} (${amount(value, unit)}). ${forecast}</p>${sparkline(days, limit)}</li>`,
  ].join("");
}

/** The last days of it, from nothing to the limit. */
function sparkline(days: StatusLimit["days"], limit: number): string {
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || days.length < 2) return "";
  const most = Math.max(limit, ...days.map(({ value }) => value));
  const from = Date.parse(first.day);
  const wide = Date.parse(last.day) - from;
  const points = days.map(({ day, value }) => {
    const x = ((Date.parse(day) - from) / wide) * 200;
    return `${x.toFixed(0)},${(28 - (value / most) * 26).toFixed(1)}`;
  });
  return `<svg class="spark" viewBox="0 0 200 30" preserveAspectRatio="none" aria-hidden="true"><path d="M0 2h200"/><polyline points="${points.join(" ")}"/></svg>`;
}

function amount(value: number, unit: StatusLimit["unit"]): string {
  if (unit === "bytes") return formatBytes(value);
  if (unit === "rows") return `${formatCount(Math.round(value))} rows`;
  return formatDuration(value * (unit === "minutes" ? 60_000 : 1000));
}

export function chartsSection({ charts }: StatusDocument): string {
  const figures = charts.map(
    (chart) => `<figure><figcaption><h3>${shown(chart.title)}</h3></figcaption>${historyChart(chart, "page")}</figure>`,
  );
  return figures.length === 0
    ? ""
    : section("sizes", "Sizes and times", `<div class="charts">${figures.join("")}</div>`);
}

const newestShown = 10;

export function setsSection({ sets, madeAt }: StatusDocument): string {
  const header = ["set", "tier", "data of", "size", "proven"];
  const rows = sets.map(({ set, tier, snapshotAt, plainBytes, provenAt }) => [
    `<code>${shown(set)}</code>`,
    tier,
    moment(snapshotAt),
    formatBytes(plainBytes),
    provenAt === null ? "not proven" : formatDay(provenAt),
  ]);
  const asOf = `as of ${formatMinute(madeAt)}`;
  const older = rows.slice(newestShown);
  return section(
    "sets",
    "Newest sets",
    sets.length === 0
      ? "<p>No set is known.</p>"
      : table(`The newest sets, ${asOf}`, header, rows.slice(0, newestShown)),
    older.length === 0
      ? ""
      : `<details><summary>${older.length} older</summary>${table(`Older sets, ${asOf}`, header, older)}</details>`,
  );
}

export function runsSection({ runs }: StatusDocument): string {
  if (runs.length === 0) return "";
  const items = runs.map(({ workflow, at }) => `<li><b>${shown(workflow)}</b> ${moment(at)}</li>`);
  return section(
    "runs",
    "Next runs",
    "<p>When GitHub is asked to start them. It may do so hours later.</p>",
    `<ul class="plain runs">${items.join("")}</ul>`,
  );
}
