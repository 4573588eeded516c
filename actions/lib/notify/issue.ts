import { z } from "zod";
import { boundedFetch } from "../base/bounded-answer.ts";
import { markdownLink } from "../base/escaping.ts";
import type { IssueSettings } from "../config/channels.ts";
import { type Alert, alertText, isOver } from "./alert.ts";
import { type Channel, ChannelFailure, failureOf } from "./channel.ts";

const label = "lifeboat-alert";
const issueSchema = z.looseObject({ number: z.number(), title: z.string(), pull_request: z.unknown().optional() });

/**
 * An issue of this repository for each workflow that fails: opened once, commented on while it goes on failing, closed when it
 * works again. Needs `issues: write`.
 */
export function issueChannel(settings: IssueSettings): Channel {
  return {
    name: "issue",
    async tell(alert, conversation, signal) {
      const title = `Lifeboat alert: ${conversation.topic}`;
      const api = callGithub(settings, signal);
      const found = await api("GET", `issues?state=open&labels=${label}&per_page=100`).catch((error: unknown) => {
        // A repository without issues has none to close.
        if (conversation.onlyContinue === true && failureOf(error).reason === "http_410") return [];
        throw error;
      });
      const open = z
        .array(issueSchema)
        .parse(found)
        .find((issue) => issue.title === title && issue.pull_request === undefined);
      const body = issueText(alert);
      if (open === undefined) {
        // What is over opens no issue; where its begin has opened one, that is closed.
        if (conversation.onlyContinue === true || alert.level === "good" || alert.level === "better") return false;
        await api("POST", "issues", { title, body, labels: [label] });
        return true;
      }
      await api("POST", `issues/${open.number}/comments`, { body });
      if (isOver(alert)) await api("PATCH", `issues/${open.number}`, { state: "closed", state_reason: "completed" });
      return true;
    },
  };
}

/** As code, so that no name of a table becomes a mention, a link or markup. */
function issueText(alert: Alert): string {
  const text = `${alert.title}\n\n${alertText({ ...alert, links: [] })}`.replaceAll("```", "'''");
  const links = alert.links.map(({ text, url }) => `- ${markdownLink(text, url)}`).join("\n");
  return `\`\`\`text\n${text.slice(0, 60_000)}\n\`\`\`\n\n${links}\n`;
}

function callGithub(
  { token, repository, apiUrl }: IssueSettings,
  signal: AbortSignal,
): (method: string, path: string, body?: unknown) => Promise<unknown> {
  return async (method, path, body) => {
    try {
      const answer = await boundedFetch(`${apiUrl}/repos/${repository}/${path}`, {
        method,
        headers: {
          Accept: "application/vnd.github+json",
          Authorization: `Bearer ${token.reveal()}`,
          "X-GitHub-Api-Version": "2022-11-28",
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal,
      });
      if (!answer.ok) throw new ChannelFailure(`http_${answer.status}`, answer.status >= 500 ? 0 : undefined);
      return await answer.json();
    } catch (error) {
      throw failureOf(error);
    }
  };
}
