import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Played } from "./play.ts";
import type { Stage } from "./stage.ts";

/** `--keep`: everything that is left goes on running; says how to reach it and how to end it. */
export function leaveRunning(stage: Stage, played: Played): void {
  const settings = { ...played.settings, DATABASE_URL: stage.target.backupUrl };
  const env = join(stage.folder, "demo.env");
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`);
  writeFileSync(env, `${lines.join("\n")}\n`, { mode: 0o600 });
  const stop = join(stage.folder, "stop-demo.sh");
  writeFileSync(
    stop,
    `${stage
      .leave()
      .map((script) => `sh '${script}'`)
      .join("\n")}\n`,
    { mode: 0o700 },
  );
  console.log(
    [
      "",
      "Left running:",
      `  restored project  ${stage.target.postgresUrl}`,
      `  as superuser      ${stage.target.superuserUrl}`,
      `  S3 server         ${stage.s3.endpoint} (credentials in demo.env)`,
      `  private keys      ${join(stage.folder, "private-keys")}`,
      `  look around with  . ${env}; npx lifeboat list`,
      `  end it with       sh ${stop}`,
    ].join("\n"),
  );
}
