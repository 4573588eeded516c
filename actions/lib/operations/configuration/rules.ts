import { isSecretName, type SectionName } from "../../supabase/configuration/document.ts";
import { nothingToDo } from "./row.ts";

/** What becomes of a setting in another project. */
export type Rule =
  | {
      readonly way: "write";
      /** `last`: what goes out to people and other services, or locks somebody out: only when a person says so. */
      readonly when: "first" | "last";
      /** It hangs on plan, add-on or version: that Supabase refuses it is to be expected. */
      readonly unsure?: true;
    }
  /** Its value is known to the owner alone. `name`: under which it may be in escrow. */
  | { readonly way: "supply"; readonly when: "first" | "last"; readonly name: string }
  /** It is compared, and told where it differs. */
  | {
      readonly way: "leave";
      readonly why: string;
      readonly next: string;
      /** Differs in every project: no comparison. */
      readonly own?: true;
    };

const first: Rule = { way: "write", when: "first" };
const perhaps: Rule = { way: "write", when: "first", unsure: true };
const last: Rule = { way: "write", when: "last" };
const lastPerhaps: Rule = { way: "write", when: "last", unsure: true };
const leave = (why: string, next: string): Rule => ({ way: "leave", why, next });
const own = (why: string, next: string = nothingToDo): Rule => ({ way: "leave", why, next, own: true });

const readOnly = leave(
  "Supabase shows it and takes it from nobody",
  "Nothing to do, unless your application needs it.",
);
const machine = leave(
  "it depends on the size of the machine",
  "Set it in the dashboard (Database, Settings) once the size is final.",
);
const ofProject = own("it is the project's own");
const ofPlatform = own("it is the platform's own");
const paid = leave(
  "it costs money",
  "Choose it in the dashboard (Project Settings, Add-ons) where it is still wanted.",
);
const size = leave(
  "a recovery sizes the new disk by its set",
  "Change it in the dashboard (Database, Settings), once in four hours.",
);
const plan = leave(
  "it comes with the organisation's plan",
  "Compare the plan of the organisation with the lost project's.",
);

/** Each with the names that it is for; the first that fits counts. */
type Table = readonly (readonly [names: RegExp, rule: Rule])[];

/** What Supabase adds later is tried, and told where it is refused. */
const unknown: readonly [RegExp, Rule] = [/^/, perhaps];

const table: Readonly<Record<Exclude<SectionName, "functions" | "signing-keys" | "sign-in-providers">, Table>> = {
  auth: [
    [/^(?:custom_oauth_max_providers|nimbus_oauth_email_optional|saml_allow_encrypted_assertions)$/, readOnly],
    [/^(?:db_max_pool_size(?:_unit)?|api_max_request_duration)$/, machine],
    [/^hook_(?:mfa|password)_verification_attempt_/, lastPerhaps],
    [/^hook_\w+_(?:enabled|uri)$/, last],
    [/^(?:smtp|sms)_/, last],
    [/^external_phone_enabled$/, last],
    [/^rate_limit_(?:email|sms)_sent$/, lastPerhaps],
    [/^(?:passkey_enabled|webauthn_|mfa_web_authn_|mfa_phone_|saml_|sessions_|password_hibp_enabled)/, perhaps],
    [/^(?:oauth_server_|custom_oauth_enabled|nimbus_oauth_)/, perhaps],
    [/^external_\w+_(?:enabled|client_id|url|email_optional|additional_client_ids|skip_nonce_check)$/, first],
    [/^mailer_(?:allow|autoconfirm|notifications|otp|secure|subjects|templates)/, first],
    [/^(?:mfa_max_enrolled_factors|mfa_totp_\w+|password_min_length|password_required_characters)$/, first],
    [/^(?:rate_limit_|security_|refresh_token_rotation_enabled$)/, first],
    [/^(?:site_url|uri_allow_list|jwt_exp|disable_signup)$/, first],
    unknown,
  ],
  postgrest: [[/^(?:db_schema|max_rows|db_extra_search_path|db_pool)$/, first], [/^jwt_secret$/, ofProject], unknown],
  pooler: [
    [/^(?:default_pool_size|pool_mode)$/, first],
    [/^max_client_conn$/, machine],
    [/^/, ofProject],
  ],
  storage: [
    [/^fileSizeLimit$/, first],
    [/^features$/, perhaps],
    [/^(?:capabilities|migrationVersion|databasePoolMode|external)$/, ofPlatform],
    unknown,
  ],
  realtime: [
    [/^(?:private_only|presence_enabled)$/, first],
    [/^(?:connection_pool|suspend|max_\w+)$/, perhaps],
    unknown,
  ],
  postgres: [
    [/^(?:shared_buffers|effective_cache_size|(?:maintenance_|logical_decoding_)?work_mem|max_connections)$/, machine],
    [/^max_(?:worker_processes|parallel_\w+|locks_per_transaction|wal_size)$/, machine],
    [/^(?:max_(?:replication_slots|slot_wal_keep_size|standby_\w+|wal_senders)|wal_\w+|track_\w+)$/, first],
    [/^(?:session_replication_role|statement_timeout|checkpoint_timeout|hot_standby_feedback)$/, first],
    unknown,
  ],
  // They would lock out whoever restores, GitHub's runners first of all.
  network: [
    [/^dbAllowedCidrs(?:V6)?$/, last],
    [/^/, ofPlatform],
  ],
  ssl: [
    [/^database$/, first],
    [/^/, ofPlatform],
  ],
  project: [
    [/^region$/, leave("a project stays in its region", "Nothing to do, where the policy allows the new region.")],
    [/^/, ofProject],
  ],
  disk: [[/^/, size]],
  autoscale: [[/^/, readOnly]],
  addons: [[/^/, paid]],
  domain: [
    [
      /^custom_hostname$/,
      leave(
        "a custom domain is given away by DNS records",
        "Activate it at the new project (Project Settings, General).",
      ),
    ],
    [/^/, ofProject],
  ],
  secrets: [
    [/^SUPABASE_/, own("Supabase sets it by itself")],
    [/^/, first],
  ],
  entitlements: [[/^/, plan]],
  vault: [[/^/, leave("Vault's secrets come back by value", "Nothing to do, where the restore made all of them.")]],
};

/** What is to become of a setting: every name has a rule, also one that nobody has heard of. Pure. */
export function ruleOf(section: keyof typeof table, field: string): Rule {
  const when = section === "auth" && isLast(field) ? "last" : "first";
  if (section === "auth" && isSecretName(field)) return { way: "supply", when, name: `auth:${field}` };
  if (section === "secrets" && !field.startsWith("SUPABASE_")) return { way: "supply", when, name: `secret:${field}` };
  const found = table[section].find(([names]) => names.test(field));
  return found?.[1] ?? perhaps;
}

/** Whether the rule of a setting is one for names that nobody has heard of. Pure. */
export function isUnknown(section: keyof typeof table, field: string): boolean {
  const found = table[section].find(([names]) => names.test(field));
  return found === undefined || found === unknown;
}

const isLast = (field: string): boolean => /^(?:hook|smtp|sms)_/.test(field);

/** Settings that mean something only together, e.g. those of one sign-in provider: sent in one request where it can be. Pure. */
export function groupOf(field: string): string {
  const [, group] =
    /^(external_\w+?)_(?:enabled|client_id|secret|url|email_optional|additional_client_ids|skip_nonce_check)$/.exec(
      field,
    ) ??
    /^(hook_\w+?)_(?:enabled|uri|secrets)$/.exec(field) ??
    /^(smtp|security_captcha|nimbus_oauth|sms_(?:twilio_verify|twilio|messagebird|textlocal|vonage))_/.exec(field) ??
    [];
  return group ?? field;
}

/**
 * Whether a setting of auth is of use only with a secret of its group: a provider that is on without its secret lets nobody in,
 * and a mail server without its password sends nothing. Pure.
 */
export function needsSecret(field: string): boolean {
  return /^(?:external_\w+|hook_\w+|security_captcha)_enabled$/.test(field) || /^smtp_(?!pass$)/.test(field);
}
