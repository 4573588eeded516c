import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Link, startTcpFaultProxy } from "../../faults/proxy/tcp-proxy.ts";

/** A way to servers on the loopback that is as long and as narrow as one to another region. */
export interface RunningLink {
  /** The same URL by way of the link; unchanged where its server was not named. */
  through(url: string): string;
  stop(): Promise<void>;
}

const kind = "lifeboat-link";

/**
 * It works in a thread of its own: what it costs is not counted as ours, and nobody's work delays it.
 *
 * @param urls of the servers, which listen on 127.0.0.1
 */
export async function startLink(link: Link, urls: readonly string[]): Promise<RunningLink> {
  const ports = urls.map((url) => Number(new URL(url).port));
  const worker = new Worker(new URL(import.meta.url), { workerData: { kind, link, ports }, execArgv: [] });
  const [own] = (await once(worker, "message")) as [readonly number[]];
  worker.unref();
  return {
    through(url) {
      const at = ports.indexOf(Number(new URL(url).port));
      // Changed as text: what a connection string holds else stays as it is, percent signs included.
      return at < 0 ? url : url.replace(`:${ports[at]}`, `:${own[at]}`);
    },
    async stop() {
      await worker.terminate();
    },
  };
}

if (!isMainThread && workerData?.kind === kind) {
  const { link, ports } = workerData as { readonly link: Link; readonly ports: readonly number[] };
  const proxies = await Promise.all(ports.map((port) => startTcpFaultProxy({ host: "127.0.0.1", port }, link)));
  parentPort?.postMessage(proxies.map(({ port }) => port));
}
