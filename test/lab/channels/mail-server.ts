import { SMTPServer } from "smtp-server";

export interface ReceivedMail {
  readonly to: readonly string[];
  /** Headers and body, unfolded. */
  readonly source: string;
}

export interface MailServer {
  /** With a user and a password, as SMTP_URL has it. */
  readonly url: string;
  readonly mails: ReceivedMail[];
  /** Answers every recipient with this code from now on. */
  refuse(code: number): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A mail server that keeps what it gets. */
export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  let refusal: number | undefined;
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth: ({ username, password }, _session, done) =>
      username === "alerts@example.org" && password === "p@ss word"
        ? done(null, { user: username })
        : done(new Error("no such user")),
    onRcptTo: (_address, _session, done) =>
      done(refusal === undefined ? null : Object.assign(new Error("refused"), { responseCode: refusal })),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const source = text.replaceAll(/=\r?\n/g, "").replaceAll(/\r?\n[ \t]/g, " ");
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), source });
        done();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `smtp://alerts%40example.org:p%40ss%20word@127.0.0.1:${port}`,
    mails,
    refuse(code) {
      refusal = code;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(resolve)),
  };
}
