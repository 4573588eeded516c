import * as core from "@actions/core";
import { createLineLog } from "./line-log.ts";
import type { Log } from "./log.ts";

/** The log of a GitHub Actions job: groups, annotations for warnings, one progress line in half a minute. */
export function createActionsLog(): Log {
  return createLineLog(
    {
      info: (line) => core.info(line),
      warn: (line) => core.warning(line),
      debug: (line) => core.debug(line),
      groupStart: (title) => core.startGroup(title),
      groupEnd: () => core.endGroup(),
    },
    { interval: 30_000 },
  );
}
