import type { Transporter } from "nodemailer";
import type SMTPTransport from "nodemailer/lib/smtp-transport/index.js";
import type { EmailSettings } from "../config/channels.ts";
import { type Alert, alertSubject, alertText } from "./alert.ts";
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

async function send(settings: EmailSettings, alert: Alert, { key }: Conversation, signal: AbortSignal): Promise<void> {
  const thread = `<${key.replaceAll(/[^\w.-]/g, "-")}@lifeboat.invalid>`;
  await withServer(settings, signal, (transport) =>
    transport.sendMail({
      ...{ from: settings.from.reveal(), to: settings.to.reveal() },
      subject: alertSubject(alert),
      text: alertText(alert),
      references: thread,
      inReplyTo: thread,
      // So that nobody's automatic answer starts a conversation with a robot (RFC 3834).
      headers: { "Auto-Submitted": "auto-generated" },
    }),
  );
}

/** Whether the server lets us in; sends nothing. @throws ChannelFailure */
export async function tryServer(settings: EmailSettings, signal: AbortSignal): Promise<void> {
  await withServer(settings, signal, (transport) => transport.verify());
}

async function withServer(
  { server }: EmailSettings,
  signal: AbortSignal,
  work: (transport: Transporter) => Promise<unknown>,
): Promise<void> {
  // Loaded only when somebody is told something: most runs are quiet.
  const { createTransport } = await import("nodemailer");
  const transport = createTransport(connection(new URL(server.reveal())));
  const given = Promise.withResolvers<never>();
  const giveUp = (): void => {
    transport.close();
    given.reject(new ChannelFailure("timeout"));
  };
  signal.addEventListener("abort", giveUp, { once: true });
  given.promise.catch(() => {});
  try {
    signal.throwIfAborted();
    await Promise.race([work(transport), given.promise]);
  } catch (error) {
    throw smtpFailure(error);
  } finally {
    signal.removeEventListener("abort", giveUp);
    transport.close();
  }
}

function connection(url: URL): SMTPTransport.Options {
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  const plain = url.protocol === "smtp:";
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    secure: !plain,
    // A password does not go over the network in the clear, whatever the server offers.
    requireTLS: plain && !local,
    ignoreTLS: plain && local,
    ...(url.username === ""
      ? {}
      : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
    ...{ connectionTimeout: 4000, greetingTimeout: 4000, socketTimeout: 4000, dnsTimeout: 4000 },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  };
}

/** nodemailer's errors quote addresses and what the server said; only the codes are kept. */
function smtpFailure(error: unknown): ChannelFailure {
  if (error instanceof Error && "responseCode" in error && typeof error.responseCode === "number") {
    return new ChannelFailure(`smtp_${error.responseCode}`);
  }
  return failureOf(error);
}
