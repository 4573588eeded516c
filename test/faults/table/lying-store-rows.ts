import type { OutgoingHttpHeaders } from "node:http";
import type { LyingRow, Question, Say } from "./lying-store-scene.ts";
import type { Outcome } from "./row.ts";

const byName = "failed by name";

const row = (stage: Question, kind: string, say: Say, outcome: Outcome = byName, code?: string | RegExp): LyingRow => ({
  ...{ stage, kind, outcome, holder: "answers as the store", inject: () => say },
  ...(code !== undefined && { code }),
});

const roots = {
  "list of versions": "ListVersionsResult",
  "list of objects": "ListBucketResult",
  "list of uploads": "ListMultipartUploadsResult",
} as const;
const lists = ["list of versions", "list of objects", "list of uploads"] as const;
type List = (typeof lists)[number];

const xml = (list: List, inside: string): string => `<?xml version="1.0"?><${roots[list]}>${inside}</${roots[list]}>`;
/** What a page says of the next one. */
const next = (list: List, marker: string): string =>
  list === "list of objects"
    ? `<NextContinuationToken>${marker}</NextContinuationToken>`
    : `<NextKeyMarker>${marker}</NextKeyMarker>`;
const more = "<IsTruncated>true</IsTruncated>";

const overLists = (kind: string, inside: (list: List, nth: number) => string, outcome?: Outcome, code?: string) =>
  lists.map((list) => row(list, kind, (answer, nth) => answer.end(xml(list, inside(list, nth))), outcome, code));

const redirect =
  (status: number): Say =>
  (answer) => {
    answer.writeHead(status, { location: `${String(answer.getHeader("x-elsewhere"))}/x` });
    answer.end();
  };

const tenfold = Array.from({ length: 10 }, (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`).join("");
const bomb = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "lol">${tenfold}]>`;

const chunk = Buffer.alloc(256 * 1024, "<Contents>x</Contents>");
/** An answer that never stops. */
const endless =
  (status: number, headers: OutgoingHttpHeaders = {}): Say =>
  (answer) => {
    answer.writeHead(status, { "content-type": "application/xml", ...headers });
    answer.write('<?xml version="1.0"?><ListVersionsResult>');
    const more = (): void => {
      while (!answer.destroyed && !answer.closed) if (!answer.write(chunk)) return void answer.once("drain", more);
    };
    more();
  };
const tooLarge = /^(answer-too-large|s3-too-large)$/;

export const lyingStoreRows: readonly LyingRow[] = [
  ...overLists("a list is cut off, and nothing says where it goes on", () => more, byName, "s3-cut-off"),
  ...overLists("every page is said to be followed by itself", (list) => more + next(list, "a"), byName, "s3-endless"),
  ...overLists(
    "two pages lead to each other",
    (list, nth) => more + next(list, nth % 2 === 0 ? "a" : "b"),
    byName,
    "s3-endless",
  ),
  ...[301, 302, 307, 308].map((status) => row("object", `a redirect to another host: ${status}`, redirect(status))),
  row("list of versions", "a redirect to another host: 307", redirect(307)),
  row("list of versions", "what is no XML", (answer) => answer.end("<html>Sign in to this network")),
  row(
    "list of versions",
    "entities that would become very many",
    (answer) => answer.end(`${bomb}<ListVersionsResult><Prefix>&e9;</Prefix></ListVersionsResult>`),
    "success",
  ),
  ...lists.map((list) => row(list, "an answer without an end", endless(200), byName, tooLarge)),
  ...lists.map((list) => row(list, "a refusal without an end", endless(403), byName, tooLarge)),
  row("object", "an answer without an end", endless(200), byName, tooLarge),
  row("object", "a refusal without an end", endless(404), byName, tooLarge),
  row("part of an object", "an answer without an end", endless(206), byName, "stored-unlike"),
  row(
    "part of an object",
    "more than the part, under a size that is right",
    endless(206, { "content-range": "bytes 0-999/1000" }),
    byName,
    "stored-unlike",
  ),
  row("part of an object", "a refusal without an end", endless(416), byName, tooLarge),
  row("service", "an answer without an end", endless(200)),
  row("service", "a refusal without an end", endless(500)),
  row("list of a project's files", "an answer without an end", endless(200), byName, tooLarge),
  row("list of a project's files", "a refusal without an end", endless(403), byName, tooLarge),
  row("list of a project's files", "what is no XML", (answer) => answer.end("<html>Sign in to this network")),
  row(
    "list of a project's files",
    "a list is cut off, and nothing says where it goes on",
    (answer) => answer.end(xml("list of objects", more)),
    byName,
    "s3-cut-off",
  ),
  row(
    "list of a project's files",
    "every page is said to be followed by itself",
    (answer) => answer.end(xml("list of objects", more + next("list of objects", "a"))),
    byName,
    "s3-endless",
  ),
  row("project's file", "an answer without an end", endless(200), byName, "s3-unavailable"),
  row("project's file", "a refusal without an end", endless(403), byName, "storage-refused"),
  row("project's file", "a redirect to another host: 307", redirect(307)),
  row("object", "more bytes are promised than come", (answer) => {
    answer.writeHead(200, { "content-length": "900" });
    answer.write("short");
    setTimeout(() => answer.destroy(), 50);
  }),
  row(
    "object",
    "fewer bytes are promised than come",
    (answer) => {
      answer.socket?.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}and more of it");
    },
    "success",
  ),
  row("object", "its size is negative", (answer) => {
    answer.socket?.end("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}");
  }),
  row(
    "object",
    "its size is greater than any",
    (answer) => {
      answer.writeHead(200, { "content-length": "9007199254740993" });
      answer.write("{}");
    },
    byName,
    "s3-too-large",
  ),
  row(
    "object",
    "it is compressed, and would become very large",
    (answer) => {
      answer.writeHead(200, { "content-encoding": "gzip", "content-length": "20" });
      answer.end(Buffer.from("1f8b0800000000000003030000000000000000000000".slice(0, 40), "hex"));
    },
    "success",
  ),
  row("clock", "it tells no time that there is", (answer) => {
    answer.sendDate = false;
    answer.writeHead(200, { date: "Thu, 99 Foo 9999 99:99:99 GMT" });
    answer.end();
  }),
];
