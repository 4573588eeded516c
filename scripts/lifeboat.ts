#!/usr/bin/env node
import { collectInOneGo } from "../actions/lib/base/collector.ts";
import { runCommandLine } from "../actions/lib/edge/command.ts";

collectInOneGo();
process.exitCode = await runCommandLine(process.argv.slice(2), process);
// Work that is deaf to its signal would keep the process.
if (process.exitCode === 130 || process.exitCode === 143) process.stdout.write("", () => process.exit());
