import { markdownCode, markdownText } from "../base/escaping.ts";
import { sessionPins } from "../postgres/connect/connect.ts";
import { quoteIdentifier } from "../postgres/identifier.ts";
import { createsOfExtensionSql, hasVaultSql, loadSecrets, makeSecrets } from "../postgres/inventory/vault-secrets.ts";
import { managedSchemaNames, oneTimeColumnsOfUsers, oneTimeTables, rowsThatStay } from "../postgres/platform-owned.ts";
import { keysSignatureMetadata, secretsScope } from "../seal/keys/session-key.ts";
import { type Artifact, type Manifest, setPrefix } from "../vault/format/manifest.ts";
import { templatesIn } from "./render.ts";

const render = templatesIn(new URL("./templates/", import.meta.url));

/** What the page has to know of its set: everything of the manifest that is known before the page is stored. */
export interface RecoverFacts
  extends Pick<Manifest, "tier" | "set" | "snapshotAt" | "source" | "software" | "sealing"> {
  readonly artifacts: readonly Artifact[];
}

/**
 * RECOVER.md: how to restore this very set with aws, gpg, zstd, sha256sum, psql and pg_restore alone. Its `sh` blocks, one
 * after the other, are a bash script. It tells no more of the data than the manifest does.
 */
export function renderRecoverPage({
  tier,
  set,
  snapshotAt,
  source,
  software,
  sealing,
  artifacts,
}: RecoverFacts): string {
  const has = (kind: Artifact["kind"]) => artifacts.some((artifact) => artifact.kind === kind);
  const { secrets } = sealing;
  const serverMajor = String(source.serverMajor);
  // The set may hold plain SQL instead of pg_dump's archives.
  const form = has("sql") ? "archive" : "dumps";
  return render("set.md", {
    ...{ set, tier, snapshotAt, serverMajor, prefix: setPrefix(tier, set).replace(/\/$/, "") },
    ...{ serverVersion: source.serverVersion, pgDump: software.pgDump, database: source.database },
    dumpMajor: software.pgDump.match(/\d+/)?.[0] ?? serverMajor,
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
    ...{ rowsOf: { file: `rows-of-${form}.sh` }, restoring: { file: `restoring-${form}.md` } },
    oneTable: has("json") ? { file: "one-table.md" } : null,
    last: secrets === undefined ? "8" : "9",
    secrets: secrets === undefined ? null : { file: "secrets.md" },
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

function artifactRow({ name, kind, segments, plainBytes }: Artifact): string[] {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  return [markdownCode(name), kind, String(bytes), String(plainBytes)];
}

const rows = (of: readonly (readonly string[])[]) => ({ own: lines(of.map((cells) => `| ${cells.join(" | ")} |`)) });
const lines = (of: readonly string[]): string => of.join("\n");
