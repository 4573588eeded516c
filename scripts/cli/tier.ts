import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { type Tier, tierSchema } from "../../actions/lib/vault/format/manifest.ts";
import type { Option } from "./command.ts";

export function tierOption(help: string): Option {
  return { type: "string", value: "TIER", help };
}

/** @throws ConfigurationError `usage` for a name that is no tier */
export function readTier(text: string | undefined): Tier | undefined {
  if (text === undefined) return undefined;
  const tier = tierSchema.safeParse(text);
  if (tier.success) return tier.data;
  throw new ConfigurationError("usage", `'${text}' is not a tier.`, `The tiers are ${tierSchema.options.join(", ")}.`);
}
