import { readFileSync } from "node:fs";
import { markdownCode, markdownText } from "../base/escaping.ts";
import { sessionPins } from "../postgres/connect/connect.ts";
import { quoteIdentifier, quoteLiteral } from "../postgres/identifier.ts";
import { createsOfExtensionSql, hasVaultSql, loadSecrets, makeSecrets } from "../postgres/inventory/vault-secrets.ts";
import { managedSchemaNames, oneTimeColumnsOfUsers, oneTimeTables, rowsThatStay } from "../postgres/platform-owned.ts";
import { keysSignatureMetadata, secretsScope } from "../seal/keys/session-key.ts";
import { configurationArtifact, rootKeyArtifact } from "../supabase/configuration/document.ts";
import { type Artifact, type Manifest, setFormat, setPrefix } from "../vault/format/manifest.ts";

const render = templatesIn(new URL("./templates/", import.meta.url));

/** What the page has to know of its set: everything of the manifest that is known before the page is stored. */
export interface RecoverFacts extends Pick<Manifest, "tier" | "set" | "snapshotAt" | "source" | "sealing"> {
  readonly artifacts: readonly Artifact[];
}

/**
 * RECOVER.md: how to restore this very set with aws, gpg, zstd, sha256sum and psql alone. Its `sh` blocks, one
 * after the other, are a bash script. It tells no more of the data than the manifest does.
 */
export function renderRecoverPage({ tier, set, snapshotAt, source, sealing, artifacts }: RecoverFacts): string {
  const has = (kind: Artifact["kind"]) => artifacts.some((artifact) => artifact.kind === kind);
  const { secrets } = sealing;
  const people = sealing.recipients.filter(({ role }) => role !== "prover");
  const bodies = artifacts.filter(({ name, kind }) => kind === "configuration" && name !== configurationArtifact);
  const rootKey = artifacts.some(({ name }) => name === rootKeyArtifact);
  const serverMajor = String(source.serverMajor);
  const namesOf = (kind: Artifact["kind"]) => artifacts.flatMap((one) => (one.kind === kind ? one.name : []));
  const [largeObjects] = namesOf("large-objects");
  return render("set.md", {
    ...{ format: setFormat, set, tier, snapshotAt, serverMajor, prefix: setPrefix(tier, set).replace(/\/$/, "") },
    ...{ serverVersion: source.serverVersion, database: source.database },
    ofProject: source.projectRef === null ? null : { own: ` of Supabase project ${markdownCode(source.projectRef)}` },
    recipients: rows(
      sealing.recipients.map(({ role, fingerprint }) => [markdownText(role), markdownCode(fingerprint)]),
    ),
    artifacts: rows(artifacts.map(artifactRow)),
    // Settings of roles and of the database name the source's; psql's own variable DBNAME is the target's.
    quotedDatabase: quoteIdentifier(source.database),
    ...{ bucket: "S3_BACKUP_BUCKET", keysSignature: keysSignatureMetadata },
    pins: { own: lines(Object.entries(sessionPins).map(([name, value]) => `set ${name} = '${value}';`)) },
    ...{ managedSchemas: managedSchemaNames(), staying: rowsThatStay(), oneTimeColumns: [...oneTimeColumnsOfUsers] },
    oneTimeTables: [...oneTimeTables].map((name) => `auth.${name}`),
    sequences: { own: namesOf("sequences").join(" ") },
    largeObjects: largeObjects === undefined ? null : { file: "large-objects.sh" },
    ...(largeObjects !== undefined && { largeObjectsName: largeObjects }),
    configuration: { file: has("configuration") ? "configuration.md" : "no-configuration.md" },
    people: { own: people.map(({ fingerprint }) => fingerprint).join(" ") },
    last: secrets === undefined ? "8" : "9",
    secrets: secrets === undefined ? null : { file: "secrets.md" },
    ...(has("configuration") && {
      functions: bodies.length === 0 ? null : { file: "functions.md" },
      ...(bodies.length > 0 && { firstFunction: bodies[0]?.name ?? "" }),
      rootKey: rootKey ? { file: "root-key.md" } : null,
      ...(rootKey && { rootKeyName: rootKeyArtifact }),
    }),
    ...(secrets !== undefined && {
      secretsScope: secretsScope(set),
      secretsKeys: {
        own: secrets.recipients
          .map(({ role, fingerprint }) => `${markdownText(role)} (${markdownCode(fingerprint)})`)
          .join(" and "),
      },
      ...{ hasVault: { own: hasVaultSql }, createsOfExtension: { own: createsOfExtensionSql } },
      ...{ secretsTable: { own: loadSecrets.table }, secretsCopy: { own: loadSecrets.copy } },
      makeSecrets: { own: makeSecrets },
    }),
  });
}

/**
 * RECOVER.md of the files: how the files of any snapshot come back with aws, gpg, zstd, tar, awk and a shell loop alone. The
 * text is the same for every snapshot, and each holds it.
 */
export function renderRecoverFilesPage(): string {
  return render("files.md", { bucket: "S3_STORAGE_BUCKET", keysSignature: keysSignatureMetadata });
}

/** The programs of the rescue kit, by their names in it: `recover.sh`, and what it asks S3 by. */
export function renderKitPrograms(): Readonly<Record<"recover.sh" | "s3.sh", string>> {
  const keysSignature = keysSignatureMetadata;
  return {
    "recover.sh": render("kit.sh", {
      ...{ bucket: "S3_BACKUP_BUCKET", keysSignature, managedSchemas: managedSchemaNames() },
    }),
    "s3.sh": render("kit-s3.sh", { keysSignature }),
  };
}

/** What stands in the kit's READ-ME-FIRST.md beside its own words. */
export interface KitFacts {
  readonly project: string;
  /** Fingerprints. */
  readonly signers: readonly string[];
  /** Rows of a table: role and fingerprint. */
  readonly recipients: readonly string[];
  /** How many sets and runs it has the keys of, and the newest that it knows. */
  readonly sets: number;
  readonly newest: string;
}

export function renderKitFirstPage({ project, signers, recipients, sets, newest }: KitFacts): string {
  return render("kit.md", {
    ...{ project, newest, sets: String(sets), recipients: { own: lines(recipients) } },
    signers: { own: signers.map(markdownCode).join(", ") },
  });
}

function artifactRow({ name, kind, segments, plainBytes }: Artifact): string[] {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  return [markdownCode(name), kind, String(bytes), String(plainBytes)];
}

const rows = (of: readonly (readonly string[])[]) => ({ own: lines(of.map((cells) => `| ${cells.join(" | ")} |`)) });
const lines = (of: readonly string[]): string => of.join("\n");

/**
 * What stands in a placeholder's place: text that others chose, one or a list, quoted by the language around it; text of our
 * own, as it is; another template; or nothing.
 */
export type Value = string | readonly string[] | { readonly own: string } | { readonly file: string } | null;

/**
 * A note for whoever reads the template; a placeholder with a line for itself, which goes with its line and the blank one after
 * it when it stands for nothing; a placeholder within a line. Guillemets mean nothing in Markdown, SQL, a shell and awk.
 */
const marks = /^«#[^»]*»\n|^«(?<line>[^«»\n]+)»\n(?<blank>\n?)|«(?<place>[^«»\n]+)»/gm;

type Quote = (text: string) => string;

/** Named before the value where the language does not say enough: `«code database»`. */
const quotings: Readonly<Record<string, Quote>> = { code: markdownCode, pattern: sedPattern };
const byLanguage: Readonly<Record<string, Quote>> = { md: markdownText, sql: sqlLiteral, sh: plainWord };

/**
 * @param folder of templates; each is read when it is first needed, and once
 * @returns renders a page with all that it includes; throws where a placeholder has no value or a value no placeholder
 */
export function templatesIn(folder: URL): (page: string, values: Readonly<Record<string, Value>>) => string {
  const texts = new Map<string, string>();
  const read = (file: string): string => {
    const text = texts.get(file) ?? readFileSync(new URL(file, folder), "utf8");
    texts.set(file, text);
    return text;
  };
  return (page, values) => {
    const used = new Set<string>();
    const include = (file: string): string => {
      const text = read(file);
      let rendered = "";
      let end = 0;
      for (const { 0: mark, index, groups = {} } of text.matchAll(marks)) {
        rendered += text.slice(end, index);
        end = index + mark.length;
        const { line, blank, place } = groups;
        const stands = line ?? place;
        const put = stands === undefined ? undefined : resolve(stands, file, languageAt(file, text.slice(0, index)));
        if (put !== undefined) rendered += line === undefined ? put : `${put}\n${blank}`;
      }
      return (rendered + text.slice(end)).replace(/\n$/, "");
    };
    const resolve = (mark: string, file: string, language: string): string | undefined => {
      if (mark.includes(".")) return include(mark);
      const [name = "", quoting] = mark.split(" ").reverse();
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined) throw new Error(`${file}: no value is given for «${name}».`);
      used.add(name);
      if (value === null) return undefined;
      if (typeof value === "object" && "own" in value) return value.own;
      if (typeof value === "object" && "file" in value) return include(value.file);
      const quote = quoting === undefined ? byLanguage[language] : quotings[quoting];
      if (quote === undefined) throw new Error(`${file}: nothing is known of how «${mark}» is quoted.`);
      return [value].flat().map(quote).join(", ");
    };
    const rendered = `${include(page)}\n`;
    const unused = Object.keys(values).filter((name) => !used.has(name));
    if (unused.length > 0) throw new Error(`${page}: no placeholder is there for ${unused.join(", ")}.`);
    return rendered;
  };
}

/** A file's, and between the fences of Markdown the shell's. */
function languageAt(file: string, before: string): string {
  const language = file.slice(file.lastIndexOf(".") + 1);
  const fences = before.match(/^```/gm)?.length ?? 0;
  return language === "md" && fences % 2 === 1 ? "sh" : language;
}

/** On one line: a line of its own could end the here-document around it. */
function sqlLiteral(text: string): string {
  const literal = quoteLiteral(text);
  const short = literal.replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return short === literal || literal.startsWith("E") ? short : `E${short}`;
}

/** Where it stands in quotes and where it does not, a shell has to take it for the same. */
function plainWord(text: string): string {
  if (/^[\w .:/@-]*$/.test(text)) return text;
  throw new Error("A value has signs in it that a shell obeys: it can't stand in a script.");
}

/** As an extended regular expression within the single quotes of a sed script. */
function sedPattern(text: string): string {
  return text
    .replaceAll(/[.[\]{}()*+?^$|\\/]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("'", `'\\''`);
}
