import { createServer } from "node:http";
import { z } from "zod";

export interface KeptIssue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly labels: readonly string[];
  state: "open" | "closed";
  readonly comments: string[];
}

export interface IssueServer {
  readonly apiUrl: string;
  readonly token: string;
  readonly issues: KeptIssue[];
  /** Every request is answered with this status from now on. */
  refuse(status: number): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const given = z.object({
  title: z.string().max(256).optional(),
  body: z.string().max(65_536).optional(),
  labels: z.array(z.string()).optional(),
  state: z.enum(["open", "closed"]).optional(),
});

/** GitHub's REST API as far as issues need it (docs.github.com, "REST API endpoints for issues"). */
export async function startIssues(repository: string): Promise<IssueServer> {
  const token = "ghs_lab1234567890";
  const issues: KeptIssue[] = [];
  let refusal: number | undefined;

  function answer(
    method: string,
    path: string,
    query: URLSearchParams,
    body: z.infer<typeof given>,
  ): [number, unknown] {
    const [, number, comments] = /^\/issues(?:\/(\d+)(\/comments)?)?$/.exec(path) ?? [];
    const issue = issues.find((each) => String(each.number) === number);
    if (method === "GET" && number === undefined) {
      const label = query.get("labels") ?? "";
      return [200, issues.filter((each) => each.state === query.get("state") && each.labels.includes(label))];
    }
    if (method === "POST" && number === undefined && body.title !== undefined) {
      const { title, body: text = "", labels = [] } = body;
      const made: KeptIssue = { number: issues.length + 1, title, body: text, labels, state: "open", comments: [] };
      issues.push(made);
      return [201, made];
    }
    if (issue === undefined) return [404, { message: "Not Found" }];
    if (comments !== undefined) issue.comments.push(body.body ?? "");
    else issue.state = body.state ?? issue.state;
    return [comments === undefined ? 200 : 201, issue];
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url ?? "", "http://lab");
    const text = Buffer.concat(chunks).toString("utf8");
    const prefix = `/repos/${repository}`;
    const [status, body] =
      refusal !== undefined
        ? [refusal, { message: "refused" }]
        : request.headers.authorization !== `Bearer ${token}`
          ? [401, { message: "Bad credentials" }]
          : url.pathname.startsWith(prefix)
            ? answer(
                request.method ?? "",
                url.pathname.slice(prefix.length),
                url.searchParams,
                given.parse(text === "" ? {} : JSON.parse(text)),
              )
            : [404, { message: "Not Found" }];
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    apiUrl: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    ...{ token, issues },
    refuse(status) {
      refusal = status;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
