import * as core from "@actions/core";
import type { Log } from "../base/log.ts";
import { createLineLog } from "./line-log.ts";

/** The log of a GitHub Actions job: groups, annotations for warnings, one progress line in half a minute. */
export function createActionsLog(): Log {
  return createLineLog(
    {
      info: (line) => core.info(noCommand(line)),
      warn: (line) => core.warning(line),
      debug: (line) => core.debug(line),
      groupStart: (title) => core.startGroup(noCommand(title)),
      groupEnd: () => core.endGroup(),
    },
    { interval: 30_000 },
  );
}

/**
 * The runner takes a line that begins with `::` for a command, and `##[` for one of the older kind wherever it stands
 * (actions/runner, ActionCommand.cs): no name may be one.
 */
function noCommand(line: string): string {
  return line.replace(/^(\s*):(?=:)/, "$1: ").replaceAll("##[", "## [");
}
