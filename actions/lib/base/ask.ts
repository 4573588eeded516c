import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

/** Asks a person at a terminal. */
export interface Asker {
  /** @param fallback what an empty line means */
  ask(question: string, fallback?: string): Promise<string>;
  /** The same for a secret: what is typed is not shown. An empty line: none. */
  hidden(question: string): Promise<string>;
  say(line: string): void;
}

interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/** Undefined where nobody sits: then nothing is asked. */
export function terminalAsker(
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Asker | undefined {
  if (input.isTTY !== true) return undefined;
  const line = async (question: string, shown: boolean): Promise<string> => {
    output.write(question);
    const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input, output: shown ? output : silence, terminal: true });
    // In this mode the terminal hands the key over in the place of the signal.
    lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    try {
      return (await lines.question("")).trim();
    } finally {
      lines.close();
      if (!shown) output.write("\n");
    }
  };
  return {
    async ask(question, fallback) {
      const answer = await line(fallback === undefined ? `${question}: ` : `${question} [${fallback}]: `, true);
      return answer === "" ? (fallback ?? "") : answer;
    },
    hidden: (question) => line(`${question} (not shown): `, false),
    say: (text) => void output.write(`${text}\n`),
  };
}
