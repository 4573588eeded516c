import type { Alert } from "./alert.ts";

/** Slack's limits (docs.slack.dev, "Block Kit"): texts in characters as they are sent, the escaped ones counted whole. */
const limits = { header: 150, section: 3000, fields: 10, field: 2000, blocks: 50, text: 4000 };

/** Verbatim: Slack makes no links and mentions of its own from what a name holds. */
type Text =
  | { readonly type: "plain_text"; readonly text: string }
  | { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true };
export type Block =
  | { readonly type: "header"; readonly text: Text }
  | { readonly type: "section"; readonly text?: Text; readonly fields?: readonly Text[] }
  | { readonly type: "context"; readonly elements: readonly Text[] };

interface SlackMessage {
  /** For notifications, and for readers without blocks. */
  readonly text: string;
  readonly blocks: readonly Block[];
}

const marks: Readonly<Record<Alert["level"], string>> = {
  failed: ":red_circle:",
  good: ":large_green_circle:",
  summary: ":lifebuoy:",
};

/** An alert as Slack takes it. */
export function slackMessage(alert: Alert): SlackMessage {
  const { level, title, sentence, facts, lines, next, links } = alert;
  const shown = lines.slice(0, 20);
  const left = lines.length - shown.length;
  const blocks: Block[] = [
    // Plain text is not escaped: Slack shows it as it is.
    { type: "header", text: { type: "plain_text", text: cutPlain(title, limits.header) } },
    ...section(`${marks[level]} ${escapeFor(sentence, limits.section - 40)}`),
    ...(facts.length === 0
      ? []
      : [
          {
            type: "section" as const,
            fields: facts
              .slice(0, limits.fields)
              .map(([name, value]) => mrkdwn(`*${escapeFor(name, 200)}*\n${escapeFor(value, limits.field - 300)}`)),
          },
        ]),
    ...shown.flatMap((line) => section(escapeFor(line, limits.section))),
    ...(left > 0 ? section(`and ${left} more`) : []),
    ...(next === undefined ? [] : section(`*Next:* ${escapeFor(next, limits.section - 20)}`)),
    ...(links.length === 0
      ? []
      : [
          {
            type: "context" as const,
            elements: links
              .slice(0, 10)
              .map(({ text, url }) => mrkdwn(`<${escapeUrl(url)}|${escapeFor(text.replaceAll("|", "/"), 200)}>`)),
          },
        ]),
  ];
  const text = [title, sentence, ...(next === undefined ? [] : [`Next: ${next}`])].join("\n");
  return { text: escapeFor(text, limits.text), blocks: blocks.slice(0, limits.blocks) };
}

function section(text: string): Block[] {
  return text.trim() === "" ? [] : [{ type: "section", text: mrkdwn(text) }];
}

function mrkdwn(text: string): Text {
  return { type: "mrkdwn", text, verbatim: true };
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Escapes what Slack reads as markup, and cuts so that no entity is cut through. @param most characters of the result */
export function escapeFor(text: string, most: number): string {
  let escaped = "";
  for (const character of text) {
    const next = entities[character] ?? character;
    if (escaped.length + next.length > most - 1) return `${escaped}…`;
    escaped += next;
  }
  return escaped;
}

function cutPlain(text: string, most: number): string {
  const characters = [...text.replaceAll(/\s+/g, " ")];
  let cut = "";
  for (const character of characters) {
    if (cut.length + character.length > most - 1) return `${cut}…`;
    cut += character;
  }
  return cut;
}

/** A bar or an angle bracket would end the link early. */
function escapeUrl(url: string): string {
  return url.replaceAll("&", "&amp;").replaceAll("<", "%3C").replaceAll(">", "%3E").replaceAll("|", "%7C");
}
