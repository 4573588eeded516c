import { type Link, links } from "../../test/lab/monitor/links.ts";
import type { WrittenPart } from "./written-part.ts";

/** How each cut link shows, as test/faults/table-silence.test.ts plays it. */
export function linksTable(): WrittenPart {
  return {
    path: "runbooks/monitor-silent.md",
    mark: "links",
    text: [
      "| what is cut | within | the page says | and beside it |",
      "| --- | --- | --- | --- |",
      ...links.map((link) => `| ${Object.values(wordsOf(link)).join(" | ")} |`),
    ].join("\n"),
  };
}

/** What is cut, within which time people know, what the page says then, and by what else they know. */
export const wordsOf = (link: Link) => ({
  ...{ cut: link.cut, within: withinOf(link), page: pageOf(link), elsewhere: elsewhereOf(link) },
});

const withinOf = ({ within, bound }: Link): string => bound ?? `${within} hours`;

function pageOf({ page }: Link): string {
  if (typeof page === "object") return `\`${page.check}\` is critical`;
  if (page === "clock") return "this device's clock is wrong";
  return page === "no news" ? "no news since" : "until when it counts, and to treat all of it as red after that";
}

function elsewhereOf({ elsewhere, names }: Link): string {
  if (elsewhere === "watcher") return "the watcher outside rings";
  if (elsewhere === "failed run") return "the run of `monitor` fails";
  return names === undefined ? `a message by ${elsewhere}` : `a message by ${elsewhere} about \`${names}\``;
}
