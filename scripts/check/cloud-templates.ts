import { stringify } from "yaml";
import { type StackName, stackNames, templateOf } from "../../actions/lib/policy/cloud/stacks.ts";
import type { WrittenPart } from "./written-part.ts";

/** Bytes that CloudFormation takes of a template that is handed to it by itself. */
export const mostBytes = 51_200;

/** The templates of scripts/provision/, as the desired cloud side makes them. */
export function cloudTemplates(): WrittenPart[] {
  return stackNames.map((name) => ({
    path: `scripts/provision/${name}.yml`,
    mark: undefined,
    text: `# Written by \`npm run readme\` from actions/lib/policy/cloud: change it there. How to use it: runbooks/aws-account.md\n${templateText(name)}`,
  }));
}

/** Every `$` and every star as it stands: nothing of YAML's own is used. */
function templateText(name: StackName): string {
  return stringify(templateOf(name), { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false });
}
