import { stringify } from "yaml";
import type { Verb } from "../../actions/lib/operations/catalogue.ts";
import { fieldsOf, type InputField } from "../../actions/lib/operations/field.ts";
import type { Operation } from "../../actions/lib/operations/operation.ts";
import type { WrittenPart } from "./written-part.ts";

const everyOutput = { "error-code": "What went wrong, as a stable name; empty when nothing did" };

/** The files of each action, all from its declaration: `action.yml`, `main.ts`, and the tables of its README. */
export function actionFiles(verbs: readonly Verb[]): WrittenPart[] {
  return verbs.flatMap((verb) => {
    if (verb.action === undefined) return [];
    const folder = `actions/${verb.action.folder}`;
    return [
      { path: `${folder}/action.yml`, mark: undefined, text: actionYaml(verb, verb.action.name) },
      { path: `${folder}/main.ts`, mark: undefined, text: mainFile(verb.folder) },
      {
        ...{ path: `${folder}/README.md`, mark: "interface", text: interfaceOf(verb) },
        around: `# ${verb.action.folder}\n\n${verb.summary}\n`,
      },
    ];
  });
}

function actionYaml(operation: Operation, name: string): string {
  const inputs = fieldsOf(operation.inputs, "action").map((field) => [
    field.name,
    { description: describe(field), ...(isRequired(field) ? { required: true } : { default: defaultOf(field) }) },
  ]);
  const outputs = Object.entries(outputsOf(operation)).map(([output, description]) => [output, { description }]);
  const document = {
    ...{ name, description: operation.summary.replace(/\.$/, "") },
    ...{ inputs: Object.fromEntries(inputs), outputs: Object.fromEntries(outputs) },
    runs: { using: "node24", main: "main.ts" },
  };
  const text = stringify(document, { lineWidth: 0 });
  return `# Written by \`npm run readme\` from actions/lib/operations; see its operation.ts.\n${text}`;
}

function mainFile(folder: string): string {
  const imports = [
    `import { runAction } from "../lib/edge/action.ts";`,
    `import operation from "../lib/operations/${folder}/operation.ts";`,
  ];
  return `${imports.join("\n")}\n\nawait runAction(operation);\n`;
}

function interfaceOf(operation: Operation): string {
  const row = (...cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [
    "| input | what | default |",
    "| --- | --- | --- |",
    ...fieldsOf(operation.inputs, "action").map((field) =>
      row(`\`${field.name}\``, describe(field), isRequired(field) ? "required" : `\`${defaultOf(field)}\``),
    ),
    "",
    "| output | what |",
    "| --- | --- |",
    ...Object.entries(outputsOf(operation)).map(([name, what]) => row(`\`${name}\``, what)),
  ].join("\n");
}

function outputsOf({ outputs }: Operation): Readonly<Record<string, string>> {
  return { ...outputs, ...everyOutput };
}

function describe({ isFlag, help }: InputField): string {
  return isFlag ? `true: ${help}` : help;
}

function isRequired({ required, actionDefault }: InputField): boolean {
  return required && actionDefault === undefined;
}

function defaultOf({ actionDefault, expression, fallback }: InputField): string {
  return expression === undefined ? (actionDefault ?? fallback ?? "") : `\${{ ${expression} }}`;
}
