import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { terminalAsker } from "../../actions/lib/base/ask.ts";

const terminal = (isTTY: boolean) => ({
  input: Object.assign(new PassThrough(), { isTTY }),
  output: new PassThrough(),
});

test("what is typed for a secret is read and never shown; another answer may be left to its default", async () => {
  const { input, output } = terminal(true);
  let shown = "";
  output.on("data", (chunk) => {
    shown += String(chunk);
  });
  const asker = terminalAsker({ input, output });
  const secret = asker?.hidden("DATABASE_URL");
  input.write("postgresql://hush\n");
  expect(await secret).toBe("postgresql://hush");
  expect(shown).toContain("DATABASE_URL (not shown): ");
  expect(shown).not.toContain("hush");
  const answer = asker?.ask("Its region", "us-east-1");
  input.write("\n");
  expect(await answer).toBe("us-east-1");
  expect(shown).toContain("Its region [us-east-1]: ");
});

test("where nobody sits nobody is asked", () => {
  expect(terminalAsker(terminal(false))).toBeUndefined();
});
