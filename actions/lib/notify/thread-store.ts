import { z } from "zod";
import type { Vault } from "../vault/s3/client.ts";

/** Which of a channel's messages belong together. */
export interface ThreadStore {
  find(key: string, channel: string): Promise<string | undefined>;
  keep(key: string, channel: string, thread: string): Promise<void>;
}

/** For runs without a vault: every message stands by itself. */
export const noThreads: ThreadStore = { find: async () => undefined, keep: async () => {} };

const threadSchema = z.strictObject({
  format: z.literal("lifeboat-thread/1"),
  channel: z.string(),
  thread: z.string(),
});

/**
 * Threads in the vault, which every job and every later attempt of a run can read: `notify/threads/<run>.json`. Slack's own
 * search would need more rights, and GitHub keeps nothing between attempts. A vault that can't be asked costs the thread, never the message.
 */
export function vaultThreads(vault: Pick<Vault, "get" | "put">): ThreadStore {
  const keyOf = (key: string): string => `notify/threads/${key.replaceAll(/[^\w.-]/g, "-")}.json`;
  return {
    async find(key, channel) {
      try {
        const { body } = await vault.get(keyOf(key), { maxBytes: 4096 });
        const kept = threadSchema.parse(JSON.parse(Buffer.from(body).toString("utf8")));
        return kept.channel === channel ? kept.thread : undefined;
      } catch {
        return undefined;
      }
    },
    async keep(key, channel, thread) {
      const body = Buffer.from(`${JSON.stringify({ format: "lifeboat-thread/1", channel, thread })}\n`);
      // Another job of the run may have been first, or the channel has changed: then this one stands by itself.
      await vault.put(keyOf(key), body, { ifNoneMatch: true, contentType: "application/json" }).catch(() => {});
    },
  };
}
