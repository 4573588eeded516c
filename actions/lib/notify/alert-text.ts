import type { Alert } from "./alert.ts";

/** An alert as plain text: for email, and for whoever reads the log. */
export function alertText({ sentence, facts, lines, next, links }: Alert): string {
  return [
    ...(sentence === "" ? [] : [sentence, ""]),
    ...facts.map(([name, value]) => `${name}: ${value}`),
    ...(facts.length > 0 ? [""] : []),
    ...lines.map((line) => `- ${line}`),
    ...(lines.length > 0 ? [""] : []),
    ...(next === undefined ? [] : [`Next: ${next}`, ""]),
    ...links.map(({ text, url }) => `${text}: ${url}`),
    "",
  ].join("\n");
}

/** One line for the subject. */
export function alertSubject({ level, title }: Alert): string {
  const mark = level === "failed" ? "[Lifeboat: FAILED]" : "[Lifeboat]";
  return `${mark} ${title}`.replaceAll(/\s+/g, " ").slice(0, 200);
}
