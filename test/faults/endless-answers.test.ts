import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { boundedFetch } from "../../actions/lib/base/bounded-answer.ts";
import { Secret } from "../../actions/lib/config/problems.ts";
import { openEndpoint } from "../../actions/lib/storage/endpoint.ts";
import { openVault, type Vault } from "../../actions/lib/vault/s3/client.ts";
import { versionsBelow } from "../../actions/lib/vault/s3/versions.ts";
import { listSets } from "../../actions/lib/vault/sets/catalogue.ts";

/** Whoever answers in the store's or a service's place and never stops. */
let server: Server;
let url: string;
let status = 200;
let sent = 0;
let vault: Vault;

beforeAll(async () => {
  const chunk = Buffer.alloc(256 * 1024, "<Contents>x</Contents>");
  server = createServer((_, answer) => {
    answer.writeHead(status, { "content-type": "application/xml" });
    answer.write('<?xml version="1.0"?><ListVersionsResult>');
    let open = true;
    answer.on("close", () => {
      open = false;
    });
    const more = (): void => {
      while (open) {
        sent += chunk.byteLength;
        if (!answer.write(chunk)) return void answer.once("drain", more);
      }
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  vault = openVault({ bucket: "vault", region: "us-east-1", endpoint: url, credentials, retry: { attempts: 2 } });
});
afterAll(async () => {
  vault.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** What came over the wire until it was refused, in MiB. */
async function refusedAfter(
  work: () => Promise<unknown>,
): Promise<{ code: unknown; message: string; megabytes: number }> {
  sent = 0;
  const error: unknown = await work().then(
    () => "it ended",
    (thrown: unknown) => thrown,
  );
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return { code, message: error instanceof Error ? error.message : String(error), megabytes: sent / 1024 / 1024 };
}

describe("an answer without an end", () => {
  test.each([
    ["a list of the store", 200, () => listSets(vault)],
    ["a list of versions", 200, () => versionsBelow(vault.transport, "x")],
    ["what the store says went wrong", 403, () => versionsBelow(vault.transport, "x")],
    ["an object", 200, () => vault.get("x", { maxBytes: 1000 })],
    ["what the store says went wrong with an object", 404, () => vault.get("x")],
  ])("of the store is given up before it fills the memory: %s", async (_, answers, work) => {
    status = answers;
    const { code, message, megabytes } = await refusedAfter(work);
    expect(String(code)).toMatch(/^(answer-too-large|s3-too-large)$/);
    expect(message).not.toMatch(/Deserialization|\$response/);
    // What the system's sockets hold comes on top of what was read.
    expect(megabytes).toBeLessThan(64);
  });

  test("of a service is given up before it fills the memory", async () => {
    status = 200;
    const { megabytes } = await refusedAfter(async () => (await boundedFetch(url, {}, 1024 * 1024)).text());
    expect(megabytes).toBeLessThan(32);
  });

  test.each([200, 403])(
    "of the project's storage endpoint is given up before it fills the memory: %i",
    async (answers) => {
      status = answers;
      const secret = new Secret("b");
      using endpoint = openEndpoint(
        { endpoint: url, region: "us-east-1", accessKeyId: "a", secretAccessKey: secret, prefix: "SUPABASE" },
        2,
      );
      const { code, megabytes } = await refusedAfter(() => endpoint.document("bucket", {}));
      expect(code).toBe(answers === 200 ? "answer-too-large" : "storage-refused");
      expect(megabytes).toBeLessThan(64);
    },
  );
});
