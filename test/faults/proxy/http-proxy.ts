import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { after, firstBytes, flipByte } from "./body-changes.ts";
import { type Fault, type LaidTrap, layTrap, type Matching, type Trap } from "./http-faults.ts";
import { Line } from "./line.ts";

/** A request as it passed, whether hit or not. */
export interface Passed {
  readonly method: string;
  readonly url: string;
}

/**
 * Stands between an S3 client and its server (plain HTTP) and does to chosen requests what networks and stores do.
 * The Host header is passed on as it came, so signatures stay valid.
 */
export interface HttpFaultProxy {
  /** To be used as the endpoint. */
  readonly url: string;
  readonly passed: readonly Passed[];
  /** Answers without passing anything on: with an error of S3's form, or, for no code, as if all were well. */
  answer(matching: Matching, status: number, code: string): Trap;
  cut(matching: Matching, when: "at-once" | "in-request" | "in-answer", afterBytes?: number): Trap;
  loseAnswer(matching: Matching, then?: () => void): Trap;
  slow(matching: Matching, direction: "request" | "answer", bytesPerSecond: number): Trap;
  flipByte(matching: Matching, direction: "request" | "answer", at: number): Trap;
  replaceAnswerHeader(matching: Matching, name: string, value: string): Trap;
  truncateAnswer(matching: Matching, bytes: number): Trap;
  hold(matching: Matching): Trap;
  /** Removes all traps. */
  clear(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param target the server's URL, e.g. `http://127.0.0.1:8333` */
export async function startHttpFaultProxy(target: string): Promise<HttpFaultProxy> {
  const { hostname, port } = new URL(target);
  const traps = new Set<LaidTrap>();
  const passed: Passed[] = [];
  const server = createServer((request, response) => {
    passed.push({ method: request.method ?? "", url: request.url ?? "" });
    const faults = [...traps].filter((trap) => trap.take(request)).map(({ fault }) => fault);
    forward({ hostname, port }, request, response, faults).catch(() => request.socket.destroy());
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: own } = server.address() as AddressInfo;

  const lay = (matching: Matching, fault: Fault, release: () => void = () => {}): Trap => {
    const trap = layTrap(matching, fault, release);
    traps.add(trap);
    return trap;
  };
  return {
    url: `http://127.0.0.1:${own}`,
    passed,
    answer: (matching, status, code) => lay(matching, { kind: "answer", status, code }),
    cut: (matching, when, afterBytes = 0) => lay(matching, { kind: "cut", when, afterBytes }),
    loseAnswer: (matching, then = () => {}) => lay(matching, { kind: "lose-answer", then }),
    slow: (matching, direction, bytesPerSecond) => lay(matching, { kind: "slow", direction, bytesPerSecond }),
    flipByte: (matching, direction, at) => lay(matching, { kind: "flip-byte", direction, at }),
    replaceAnswerHeader: (matching, name, value) => lay(matching, { kind: "replace-answer-header", name, value }),
    truncateAnswer: (matching, bytes) => lay(matching, { kind: "truncate-answer", bytes }),
    hold(matching) {
      const { promise: until, resolve } = Promise.withResolvers<void>();
      return lay(matching, { kind: "hold", until }, resolve);
    },
    clear() {
      for (const trap of traps) trap.remove();
      traps.clear();
    },
    async [Symbol.asyncDispose]() {
      for (const trap of traps) trap.remove();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function forward(
  to: { readonly hostname: string; readonly port: string },
  request: IncomingMessage,
  response: ServerResponse,
  faults: readonly Fault[],
): Promise<void> {
  const reset = () => void request.socket.resetAndDestroy();
  const outgoing: Duplex[] = [];
  const incoming: Duplex[] = [];
  let lose: (() => void) | undefined;
  const headers: Record<string, string> = {};
  let truncated: number | undefined;
  for (const fault of faults) {
    if (fault.kind === "hold") await fault.until;
    if (fault.kind === "answer") return answerAlone(request, response, fault.status, fault.code);
    if (fault.kind === "cut" && fault.when === "at-once") return reset();
    if (fault.kind === "cut") (fault.when === "in-request" ? outgoing : incoming).push(after(fault.afterBytes, reset));
    if (fault.kind === "lose-answer") lose = fault.then;
    if (fault.kind === "replace-answer-header") headers[fault.name.toLowerCase()] = fault.value;
    if (fault.kind === "slow") (fault.direction === "request" ? outgoing : incoming).push(new Line(fault));
    if (fault.kind === "flip-byte") (fault.direction === "request" ? outgoing : incoming).push(flipByte(fault.at));
    if (fault.kind === "truncate-answer") truncated = fault.bytes;
  }
  const onwards = httpRequest({
    host: to.hostname,
    port: to.port,
    method: request.method,
    path: request.url,
    headers: request.headers,
    agent: false,
  });
  onwards.on("error", reset);
  response.once("close", () => onwards.destroy());
  onwards.on("response", (answer) => {
    if (lose !== undefined) return answer.resume().on("end", lose).on("end", reset);
    if (truncated !== undefined) {
      headers["content-length"] = String(truncated);
      incoming.push(firstBytes(truncated));
    }
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...headers });
    return pipeline([answer, ...incoming, response], () => {});
  });
  pipeline([request, ...outgoing, onwards], () => {});
}

/** An error of S3's form, or nothing at all, after the body has been swallowed. */
function answerAlone(request: IncomingMessage, response: ServerResponse, status: number, code: string): void {
  request.resume().on("end", () => {
    const error = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>laid by a test</Message></Error>`;
    const body = code === "" ? "" : error;
    const headers = { "content-type": "application/xml", "content-length": Buffer.byteLength(body) };
    response.writeHead(status, code === "" ? { ...headers, etag: `"${"1".repeat(32)}"` } : headers);
    response.end(request.method === "HEAD" ? undefined : body);
  });
}
