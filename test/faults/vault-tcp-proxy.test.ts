import { expect, test } from "vitest";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { startTcpFaultProxy } from "./proxy/tcp-proxy.ts";
import { collect, newBucket, noise } from "./proxy/test-bucket.ts";

test("a vault outlives a network that cuts, refuses and pauses", async () => {
  const settings = await newBucket();
  const { hostname, port } = new URL(settings.endpoint);
  await using proxy = await startTcpFaultProxy({ host: hostname, port: Number(port) });
  // Signatures cover the Host header, which the server compares with what it was sent: the proxy changes nothing.
  using vault = openVault({ ...settings, endpoint: `http://${proxy.host}:${proxy.port}` });
  const body = await collect(noise(3_000_000));
  await vault.put("a", body);

  const cut = proxy.cutAfter(1_000_000);
  expect(Buffer.from((await vault.get("a")).body).equals(body)).toBe(true);
  await cut;
  proxy.cut();
  expect(await vault.head("a")).toMatchObject({ bytes: body.byteLength });

  const pause = proxy.hold();
  setTimeout(() => pause.release(), 300);
  expect(await vault.head("a")).toMatchObject({ bytes: body.byteLength });

  proxy.refuse(true);
  proxy.cut();
  await expect(vault.head("a")).rejects.toMatchObject({ code: "s3-unavailable" });
  proxy.refuse(false);
  expect(await vault.head("a")).toMatchObject({ bytes: body.byteLength });
});
