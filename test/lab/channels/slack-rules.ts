import { z } from "zod";

/**
 * What Slack refuses in a message (docs.slack.dev, "Block Kit" and "Formatting text"): `undefined`, or its word for it. Stricter in
 * one thing: markup that calls people is refused, since nothing of ours should ever contain it.
 */
const mrkdwn = z
  .string()
  .min(1)
  .refine((text) => !/&(?!(?:amp|lt|gt);)/.test(text), "an ampersand that is not escaped")
  .refine((text) => text.replaceAll(/<https?:\/\/[^<>|\s]+(?:\|[^<>|]+)?>/g, "").search(/[<>]/) < 0, "a bracket");

const text = (most: number) =>
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("mrkdwn"), text: mrkdwn.max(most), verbatim: z.boolean().optional() }),
    z.strictObject({ type: z.literal("plain_text"), text: z.string().min(1).max(most) }),
  ]);

const block = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("header"),
    text: z.strictObject({ type: z.literal("plain_text"), text: z.string().min(1).max(150) }),
  }),
  z
    .strictObject({
      type: z.literal("section"),
      text: text(3000).optional(),
      fields: z.array(text(2000)).min(1).max(10).optional(),
    })
    .refine(({ text, fields }) => text !== undefined || fields !== undefined),
  z.strictObject({ type: z.literal("context"), elements: z.array(text(3000)).min(1).max(10) }),
  z.strictObject({ type: z.literal("divider") }),
]);

export interface JudgedMessage {
  readonly text: string;
  readonly blocks: readonly unknown[];
}

export function judgeMessage(message: JudgedMessage): "no_text" | "invalid_blocks" | "msg_too_long" | undefined {
  if (message.text.trim() === "") return "no_text";
  if (message.text.length > 40_000) return "msg_too_long";
  if (!mrkdwn.safeParse(message.text).success) return "invalid_blocks";
  return z.array(block).max(50).safeParse(message.blocks).success ? undefined : "invalid_blocks";
}
