import { ConfigurationError } from "../../base/errors.ts";
import { type RecipientRole, recipientRoles } from "../keys/keyring.ts";

/** The policy's `keys`: fingerprints of primary keys, 40 upper-case hex digits. Null: not made yet. */
export interface Pins {
  readonly recipients: Readonly<Record<RecipientRole, string | null>>;
  /** Newest first; older ones stay so that old signatures verify. */
  readonly signing: readonly string[];
}

const begin = "// pins:begin";
const end = "// pins:end";

/** The `keys: {…}` entry of the policy, between its marks, indented by `indent`. */
export function renderPins(pins: Pins, indent = "  "): string {
  const quoted = (fingerprint: string | null): string => (fingerprint === null ? "null" : `"${fingerprint}"`);
  const signing = pins.signing.map(quoted).join(", ");
  const lines = [
    begin,
    "keys: {",
    "  recipients: {",
    ...recipientRoles.map((role) => `    ${role}: ${quoted(pins.recipients[role])},`),
    "  },",
    signing.length < 100
      ? `  signing: [${signing}],`
      : `  signing: [\n${pins.signing.map((f) => `${indent}    ${quoted(f)},\n`).join("")}${indent}  ],`,
    "},",
    end,
  ];
  return lines.map((line) => indent + line).join("\n");
}

/**
 * The policy's text with its pins replaced. Everything between the two marks goes; nothing else is touched or
 * understood.
 *
 * @throws ConfigurationError `pins-block-missing` when the marks are not there exactly once, in order, each on a line
 */
export function replacePins(policyText: string, pins: Pins): string {
  const newline = policyText.includes("\r\n") ? "\r\n" : "\n";
  const lines = policyText.split(/\r?\n/);
  const at = (mark: string): number[] => lines.flatMap((line, index) => (line.trim() === mark ? [index] : []));
  const [from, ...moreBegins] = at(begin);
  const [to, ...moreEnds] = at(end);
  if (from === undefined || to === undefined || to < from || moreBegins.length + moreEnds.length > 0) {
    throw new ConfigurationError(
      "pins-block-missing",
      `The policy has no block between one line \`${begin}\` and one line \`${end}\`.`,
      "Put the two lines around its `keys: {…},` entry, or paste the printed block by hand.",
    );
  }
  const indent = /^\s*/.exec(lines[from] ?? "")?.[0] ?? "";
  lines.splice(from, to - from + 1, ...renderPins(pins, indent).split("\n"));
  return lines.join(newline);
}
