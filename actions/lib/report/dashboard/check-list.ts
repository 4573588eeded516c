import { formatMinute } from "../../base/measures.ts";
import { type CheckGroup, checkGroups } from "../../policy/monitor/check.ts";
import { attribute, due, icon, live, moment, prose, section, shown } from "./html.ts";
import type { StatusCheck, StatusDocument } from "./status.ts";
import { levelOf, levels } from "./verdict.ts";

const groupNames: Readonly<Record<CheckGroup, string>> = {
  supabase: "Supabase",
  backups: "Our copies",
  limits: "Limits",
  github: "GitHub",
};

/** What is not well, worst first, with what to do. The script adds here what becomes overdue. */
export function alertsSection(status: StatusDocument): string {
  const open = levels
    .filter((level) => level !== "ok")
    .flatMap((level) => status.checks.filter((check) => levelOf(check) === level));
  const none = `<p id="no-alerts"${open.length === 0 ? "" : " hidden"}>${live("None.", `None at ${formatMinute(status.madeAt)}.`)}</p>`;
  const unreached = status.unreached.map(
    ({ channel, since }) => `<p class="unreached"><b>${shown(channel)}</b> took no message since ${moment(since)}.</p>`,
  );
  const items = open.map((check, at) => checkItem(check, status, open[at - 1])).join("");
  return section("alerts", "Open alerts", none, `<ul class="checks" id="open">${items}</ul>`, ...unreached);
}

export function wellSection(status: StatusDocument): string {
  const groups = checkGroups.flatMap((group) => {
    const well = status.checks.filter((check) => check.group === group && levelOf(check) === "ok");
    if (well.length === 0) return [];
    const items = well.map((check) => checkItem(check, status)).join("");
    return [`<h3>${groupNames[group]}</h3><ul class="checks well">${items}</ul>`];
  });
  return section("well", `Checks that were ok at ${formatMinute(status.madeAt)}`, ...groups);
}

/** @param above the item above: what both say is not repeated, because one missing token concerns a dozen checks */
function checkItem(check: StatusCheck, { repository }: StatusDocument, above?: StatusCheck): string {
  const { id, title, found, means, next, dueAt, runbook, silence } = check;
  const level = levelOf(check);
  const same = above !== undefined && next !== undefined && above.next === next && above.means === means;
  const word = level === "ok" ? live("ok", "was ok") : level;
  const link =
    repository === null || runbook === null || level === "ok"
      ? []
      : [
          `<a href="${attribute(`${repository}/blob/HEAD/${runbook}`)}">Runbook<span class="hidden">: ${shown(title)}</span></a>`,
        ];
  const meta = [
    ...(check.since === null || level === "ok"
      ? []
      : [`${level === "silenced" ? check.state : level} since ${moment(check.since)}`]),
    // What is unknown only becomes critical then: it is not valid until then.
    ...(dueAt === undefined || level === "critical" || level === "unknown"
      ? []
      : [`<span class="due">valid until ${moment(dueAt)}</span>`]),
    ...(level === "ok" ? [] : [tellings(check)]),
    ...(silence === null ? [] : [`silenced until ${shown(silence.until)}: ${shown(silence.reason)}`]),
    ...link,
  ];
  return [
    `<li id="check-${attribute(id)}" data-level="${level}"${due(dueAt)}>${icon(level)}<div>`,
    `<p class="title"><b>${shown(title)}</b> <span class="word">${word}</span></p>`,
    `<p>${prose(found)}${means === undefined || same ? "" : ` ${prose(means)}`}</p>`,
    next === undefined || level === "ok"
      ? ""
      : `<p class="next"><b>Do:</b> ${same ? "the same as above." : prose(next)}</p>`,
    meta.length === 0 ? "" : `<p class="meta">${meta.join(" · ")}</p>`,
    "</div></li>",
  ].join("");
}

function tellings({ told }: StatusCheck): string {
  if (told === null) return "nobody was told yet";
  return `told by ${told.by.length === 0 ? "no channel" : told.by.map(shown).join(", ")} at ${moment(told.at)}`;
}
