import { htmlAttribute, htmlText, visible } from "../../base/escaping.ts";
import { formatMinute } from "../../base/measures.ts";
import type { CheckState } from "../../policy/monitor/check.ts";

/** Small pieces of HTML. Whatever comes from elsewhere passes `shown` or `attribute`. */

export function shown(text: string): string {
  return htmlText(visible(text));
}

/** A sentence of ours, whose names and commands stand between backticks. */
export function prose(text: string): string {
  return shown(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

export function attribute(text: string): string {
  return htmlAttribute(visible(text));
}

/** How bad something looks: each with a colour, a form and a word of its own. */
export type Level = CheckState | "silenced";

/** The forms of the levels, once a page; `icon` points at them. */
export const icons: string = [
  `<svg width="0" height="0" aria-hidden="true"><defs>`,
  symbol("ok", '<circle cx="10" cy="10" r="9"/><path d="M5.5 10.5l3 3 6-6.5"/>'),
  symbol("warning", '<path d="M10 1.5L19.2 18H.8z"/><path d="M10 7v5.5M10 14.8v.7"/>'),
  symbol("critical", '<path d="M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z"/><path d="M6.5 6.5l7 7m0-7l-7 7"/>'),
  symbol(
    "unknown",
    '<path d="M10 .8L19.2 10 10 19.2.8 10z"/><path d="M7.6 8.2a2.4 2.4 0 1 1 3.6 2c-.8.5-1.2.9-1.2 1.8M10 14v.6"/>',
  ),
  symbol("silenced", '<circle cx="10" cy="10" r="9"/><path d="M5.5 10h9"/>'),
  "</defs></svg>",
].join("");

function symbol(level: Level, inside: string): string {
  return `<symbol id="i-${level}" viewBox="0 0 20 20">${inside}</symbol>`;
}

/** A screen reader passes over it: the word beside it says the same. */
export function icon(level: Level): string {
  return `<svg class="icon" aria-hidden="true"><use href="#i-${level}"/></svg>`;
}

/** A moment in UTC; the reader's browser adds how long ago that is. @param at ISO 8601, checked */
export function moment(at: string, local: "local" | "" = ""): string {
  return `<time datetime="${attribute(at)}"${local === "" ? "" : " data-local"}>${shown(formatMinute(at))}</time>`;
}

/**
 * Words that are true only while the page is fresh. Without the script the page may be of any age, so they say from when they are; the
 * script shows `now` instead, and takes it back when it is no longer true.
 */
export function live(now: string, still: string): string {
  return `<span data-live="${attribute(now)}">${shown(still)}</span>`;
}

/** From when on the script shows this as critical. @param at ISO 8601; undefined: never */
export function due(at: string | undefined): string {
  return at === undefined ? "" : ` data-due="${attribute(at)}"`;
}

export function section(id: string, title: string, ...content: readonly string[]): string {
  return `<section id="${id}" aria-labelledby="${id}-h"><h2 id="${id}-h">${title}</h2>${content.join("")}</section>`;
}

/** Can be scrolled with the keyboard where the screen is narrow. */
export function table(caption: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? `<th scope="row">${cell}</th>` : `<td>${cell}</td>`)).join("");
  return (
    `<div class="scroll" role="region" tabindex="0" aria-label="${attribute(caption)}"><table><caption>${shown(caption)}</caption>` +
    `<thead><tr>${header.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead>` +
    `<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join("")}</tbody></table></div>`
  );
}
