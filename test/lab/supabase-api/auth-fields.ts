import { createHash } from "node:crypto";

/** The settings of auth, by name: what the API answers and takes (237 of them; the test counts). */

const providers = [
  ...["apple", "azure", "bitbucket", "discord", "facebook", "figma", "github", "gitlab", "google", "kakao", "keycloak"],
  ...["linkedin_oidc", "slack_oidc", "notion", "slack", "spotify", "twitch", "twitter", "workos", "x", "zoom"],
];
const hooks = [
  ...["custom_access_token", "mfa_verification_attempt", "password_verification_attempt", "send_sms", "send_email"],
  ...["before_user_created", "after_user_created"],
];
const mails = ["confirmation", "email_change", "invite", "magic_link", "reauthentication", "recovery"];
const notices = [
  ...["password_changed", "email_changed", "phone_changed", "mfa_factor_enrolled", "mfa_factor_unenrolled"],
  ...["identity_linked", "identity_unlinked"],
];

const booleans = [
  ...words("disable_signup external_anonymous_users_enabled external_email_enabled external_phone_enabled"),
  ...words("external_google_skip_nonce_check external_web3_solana_enabled external_web3_ethereum_enabled"),
  ...words("mailer_allow_unverified_email_sign_ins mailer_autoconfirm mailer_secure_email_change_enabled"),
  ...words("mfa_totp_enroll_enabled mfa_totp_verify_enabled mfa_phone_enroll_enabled mfa_phone_verify_enabled"),
  ...words("mfa_web_authn_enroll_enabled mfa_web_authn_verify_enabled passkey_enabled nimbus_oauth_email_optional"),
  ...words("password_hibp_enabled refresh_token_rotation_enabled saml_enabled saml_allow_encrypted_assertions"),
  ...words("security_sb_forwarded_for_enabled security_captcha_enabled security_manual_linking_enabled"),
  ...words("security_update_password_require_reauthentication sessions_single_per_user sms_autoconfirm"),
  ...words("oauth_server_enabled oauth_server_allow_dynamic_registration custom_oauth_enabled"),
  ...providers.map((name) => `external_${name}_enabled`),
  ...providers.filter((name) => name !== "workos").map((name) => `external_${name}_email_optional`),
  ...hooks.map((name) => `hook_${name}_enabled`),
  ...notices.map((name) => `mailer_notifications_${name}_enabled`),
];
const numbers = [
  ...words("api_max_request_duration db_max_pool_size jwt_exp mailer_otp_exp mailer_otp_length"),
  ...words("mfa_max_enrolled_factors mfa_phone_otp_length mfa_phone_max_frequency password_min_length"),
  ...words("rate_limit_anonymous_users rate_limit_email_sent rate_limit_sms_sent rate_limit_token_refresh"),
  ...words("rate_limit_verify rate_limit_otp rate_limit_web3 security_refresh_token_reuse_interval"),
  ...words("sessions_inactivity_timeout sessions_timebox sms_max_frequency sms_otp_exp sms_otp_length"),
  ...words("smtp_max_frequency custom_oauth_max_providers"),
];
const texts = [
  ...words("db_max_pool_size_unit external_azure_url external_gitlab_url external_keycloak_url external_workos_url"),
  ...words("external_apple_additional_client_ids external_google_additional_client_ids webauthn_rp_display_name"),
  ...words("webauthn_rp_id webauthn_rp_origins mfa_phone_template nimbus_oauth_client_id nimbus_oauth_client_secret"),
  ...words("password_required_characters saml_external_url security_captcha_provider security_captcha_secret"),
  ...words("sessions_tags site_url sms_messagebird_access_key sms_messagebird_originator sms_provider sms_template"),
  ...words("sms_test_otp sms_test_otp_valid_until sms_textlocal_api_key sms_textlocal_sender sms_twilio_account_sid"),
  ...words("sms_twilio_auth_token sms_twilio_content_sid sms_twilio_message_service_sid sms_vonage_api_key"),
  ...words("sms_twilio_verify_account_sid sms_twilio_verify_auth_token sms_twilio_verify_message_service_sid"),
  ...words("sms_vonage_api_secret sms_vonage_from smtp_admin_email smtp_host smtp_pass smtp_port smtp_sender_name"),
  ...words("smtp_user uri_allow_list oauth_server_authorization_path"),
  ...providers.flatMap((name) => [`external_${name}_client_id`, `external_${name}_secret`]),
  ...hooks.flatMap((name) => [`hook_${name}_uri`, `hook_${name}_secrets`]),
  ...mails.flatMap((name) => [`mailer_subjects_${name}`, `mailer_templates_${name}_content`]),
  ...notices.flatMap((name) => [
    `mailer_subjects_${name}_notification`,
    `mailer_templates_${name}_notification_content`,
  ]),
];

function words(line: string): string[] {
  return line.split(" ");
}

/** Type of each setting. */
export const authFields: ReadonlyMap<string, "boolean" | "number" | "string"> = new Map([
  ...booleans.map((name) => [name, "boolean"] as const),
  ...numbers.map((name) => [name, "number"] as const),
  ...texts.map((name) => [name, "string"] as const),
]);

/** In the answer, and not taken. */
export const readOnlyAuth: ReadonlySet<string> = new Set(
  words("custom_oauth_max_providers nimbus_oauth_email_optional saml_allow_encrypted_assertions"),
);

/** Told as a hash only: 37 of them. */
export const isAuthSecret = (name: string): boolean =>
  /(?:_secrets?|_pass|_auth_token|_api_key|_access_key)$/.test(name) && authFields.get(name) === "string";

/** A new project's: everything off that a person has to switch on. */
export function newAuth(): Record<string, unknown> {
  const auth: Record<string, unknown> = {};
  for (const [name, type] of authFields) auth[name] = type === "boolean" ? false : null;
  return {
    ...auth,
    ...{ external_email_enabled: true, mailer_secure_email_change_enabled: true, refresh_token_rotation_enabled: true },
    ...{ jwt_exp: 3600, mailer_otp_exp: 3600, mailer_otp_length: 6, sms_otp_length: 6, mfa_phone_otp_length: 6 },
    ...{ site_url: "http://localhost:3000", uri_allow_list: "", password_min_length: 6, rate_limit_email_sent: 2 },
    ...{ mfa_totp_enroll_enabled: true, mfa_totp_verify_enabled: true, mfa_max_enrolled_factors: 10 },
    ...{
      db_max_pool_size_unit: "connections",
      custom_oauth_max_providers: 3,
      security_refresh_token_reuse_interval: 10,
    },
  };
}

/** The settings as the API tells them. */
export function shownAuth(auth: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(auth).map(([name, value]) => [
      name,
      isAuthSecret(name) && typeof value === "string" && value !== "" ? hashed(value) : value,
    ]),
  );
}

/** How Supabase hides a value that it knows: the same value, the same text. */
const hashed = (value: string): string => `hash:${createHash("sha256").update(value).digest("hex")}`;
