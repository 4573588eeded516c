import type { EmailSettings } from "../config/channels.ts";
import type { Alert } from "../report/alert.ts";
import { alertSubject, alertText } from "../report/alert-text.ts";
import { type Channel, ChannelFailure, type Conversation, failureOf } from "./channel.ts";

/** Email over the owner's SMTP server. Messages about one run refer to one another, so that mail programs put them together. */
export function emailChannel(settings: EmailSettings): Channel {
  return {
    name: "email",
    async tell(alert, conversation, signal) {
      // A mail program is not asked what it has: good news without the bad would only be noise.
      if (conversation.onlyContinue === true) return false;
      await send(settings, alert, conversation, signal);
      return true;
    },
  };
}

async function send(
  { server, to, from }: EmailSettings,
  alert: Alert,
  { key }: Conversation,
  signal: AbortSignal,
): Promise<void> {
  const { createTransport } = await import("nodemailer");
  const url = new URL(server.reveal());
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  const transport = createTransport({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    secure: url.protocol === "smtps:",
    // A password does not go over the network in the clear, whatever the server offers.
    requireTLS: !local && url.protocol === "smtp:",
    ignoreTLS: local && url.protocol === "smtp:",
    ...(url.username === ""
      ? {}
      : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
    ...{ connectionTimeout: 4000, greetingTimeout: 4000, socketTimeout: 4000, dnsTimeout: 4000 },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  const given = Promise.withResolvers<never>();
  const giveUp = (): void => {
    transport.close();
    given.reject(new ChannelFailure("timeout"));
  };
  signal.addEventListener("abort", giveUp, { once: true });
  given.promise.catch(() => {});
  const thread = `<${key.replaceAll(/[^\w.-]/g, "-")}@lifeboat.invalid>`;
  try {
    signal.throwIfAborted();
    const sent = transport.sendMail({
      ...{ from: from.reveal(), to: to.reveal() },
      subject: alertSubject(alert),
      text: alertText(alert),
      references: thread,
      inReplyTo: thread,
      // So that nobody's automatic answer starts a conversation with a robot (RFC 3834).
      headers: { "Auto-Submitted": "auto-generated" },
    });
    await Promise.race([sent, given.promise]);
  } catch (error) {
    throw smtpFailure(error);
  } finally {
    signal.removeEventListener("abort", giveUp);
    transport.close();
  }
}

/** nodemailer's errors quote addresses and what the server said; only the codes are kept. */
function smtpFailure(error: unknown): ChannelFailure {
  if (error instanceof Error && "responseCode" in error && typeof error.responseCode === "number") {
    return new ChannelFailure(`smtp_${error.responseCode}`);
  }
  return failureOf(error);
}
