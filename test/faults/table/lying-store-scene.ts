import { createServer, type Server, type ServerResponse } from "node:http";
import { boundedFetch } from "../../../actions/lib/base/bounded-answer.ts";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import type { RetryPolicy } from "../../../actions/lib/base/flow/retry.ts";
import { Secret } from "../../../actions/lib/config/problems.ts";
import { openProjectFiles } from "../../../actions/lib/storage/project-files.ts";
import { openVault, type Vault } from "../../../actions/lib/vault/s3/client.ts";
import { readRange } from "../../../actions/lib/vault/s3/read-back.ts";
import { unfinishedUploads } from "../../../actions/lib/vault/s3/segment-writer.ts";
import { versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";
import { codeOf, endingOf } from "./ending.ts";
import type { FaultRow, Seen } from "./row.ts";

export type Question =
  | "list of versions"
  | "list of objects"
  | "list of uploads"
  | "object"
  | "part of an object"
  | "clock"
  | "service"
  | "list of a project's files"
  | "project's file";

/** What stands in the store's place says to a request: its number, from 1 on, and its query. */
export type Say = (answer: ServerResponse, nth: number, query: URLSearchParams) => void;

export interface LyingRow extends FaultRow<void, Say> {
  readonly stage: Question;
}

/** Somebody who answers in the store's place: a proxy that was taken over, or an endpoint that is not the one that was meant. */
export class LyingStore implements AsyncDisposable {
  readonly #server: Server;
  readonly #elsewhere: Server;
  #say: Say = (answer) => answer.end();
  #asked = 0;
  #sent = 0;
  #askedElsewhere = 0;
  #url = "";
  #elsewhereUrl = "";

  private constructor() {
    this.#server = createServer((request, answer) => {
      this.#asked++;
      const url = new URL(request.url ?? "/", "http://store");
      answer.setHeader("x-elsewhere", this.#elsewhereUrl);
      const { socket } = request;
      const before = socket.bytesWritten;
      answer.on("close", () => {
        this.#sent += socket.bytesWritten - before;
      });
      this.#say(answer, this.#asked, url.searchParams);
    });
    this.#elsewhere = createServer((_, answer) => {
      this.#askedElsewhere++;
      answer.end("{}");
    });
  }

  static async open(): Promise<LyingStore> {
    const store = new LyingStore();
    store.#url = await listen(store.#server);
    store.#elsewhereUrl = await listen(store.#elsewhere);
    return store;
  }

  async run(row: LyingRow): Promise<Seen> {
    this.#say = await row.inject();
    [this.#asked, this.#askedElsewhere, this.#sent] = [0, 0, 0];
    const credentials = { accessKeyId: "a", secretAccessKey: "b" };
    const retry = { attempts: 2, totalSeconds: 20, baseMillis: 10, capMillis: 20, stallSeconds: 5 };
    using vault = openVault({ bucket: "vault", region: "us-east-1", endpoint: this.#url, credentials, retry });
    const memory = process.memoryUsage().rss;
    const ending = await endingOf(ask(vault, row.stage, this.#url, retry).then((found) => ({ found })));
    const broken: string[] = [];
    if (this.#askedElsewhere > 0) broken.push("a request went to another host");
    if (process.memoryUsage().rss - memory > 200e6) broken.push("it took more than 200 MB");
    // What the system's sockets hold comes on top of what was read.
    if (this.#sent > 64 * 1024 * 1024) broken.push("more than 64 MiB were taken");
    const code = codeOf(ending);
    if (this.#asked === 0) return { outcome: "no fault was injected", code, broken, falseSuccess: false };
    if (ending === "hangs") return { outcome: "hangs", code, broken, falseSuccess: false };
    if (!("error" in ending)) {
      const falseSuccess = row.outcome !== "success";
      return { outcome: falseSuccess ? "false success" : "success", code, broken, falseSuccess };
    }
    const named = ending.error instanceof LifeboatError;
    return { outcome: named ? "failed by name" : "ends without a name", code, broken, falseSuccess: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#server, this.#elsewhere]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

async function ask(vault: Vault, question: Question, endpoint: string, retry: Partial<RetryPolicy>): Promise<unknown> {
  if (question === "service") return (await boundedFetch(endpoint, {}, 1024 * 1024)).text();
  if (question === "list of a project's files" || question === "project's file") {
    const secret = new Secret("b");
    const settings = { endpoint, region: "us-east-1", accessKeyId: "a", secretAccessKey: secret, prefix: "SUPABASE" };
    using storage = openProjectFiles(settings, { side: "source", retry });
    return question === "project's file"
      ? await storage.read({ bucket: "bucket", name: "x" })
      : await Array.fromAsync(storage.list("bucket"));
  }
  if (question === "part of an object")
    return readRange(vault.transport, { key: "x", offset: 0, bytes: 1000, objectBytes: 1000 });
  if (question === "object") return vault.get("x", { maxBytes: 1000 });
  if (question === "clock") return vault.serverTime();
  if (question === "list of versions") return versionsBelow(vault.transport, "database/daily/");
  if (question === "list of uploads") return unfinishedUploads(vault.transport, "database/daily/");
  return Array.fromAsync(vault.list("reports/"));
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}
