import { htmlText } from "../../base/escaping.ts";
import { formatMinute } from "../../base/measures.ts";
import type { CheckState } from "../../policy/monitor/check.ts";
import type { StatusDocument } from "./status.ts";
import { verdictOf } from "./verdict.ts";

const colours: Readonly<Record<CheckState, string>> = {
  ok: "#116d48",
  warning: "#8a5300",
  critical: "#a8201a",
  unknown: "#5b4a9e",
};

/** For a README: a picture cannot know how old it is, so it says until when it is valid. */
export function badge(status: StatusDocument): string {
  const { level } = verdictOf(status);
  const word = level === "unknown" ? "not known" : level;
  const said = `${word} · valid until ${formatMinute(status.validUntil)}`;
  const title = `backups: ${said}`;
  const left = 62;
  const right = Math.round(said.length * 6.3) + 14;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="${htmlText(title)}">`,
    `<title>${htmlText(title)}</title>`,
    `<rect width="${left + right}" height="20" rx="3" fill="#3a424d"/>`,
    `<path d="M${left} 0h${right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-${right - 3}z" fill="${colours[level]}"/>`,
    `<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`,
    `<text x="7" y="14" textLength="${left - 14}">backups</text>`,
    `<text x="${left + 7}" y="14" textLength="${right - 14}">${htmlText(said)}</text></g>`,
    "</svg>",
    "",
  ].join("\n");
}
