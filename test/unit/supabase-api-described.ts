/**
 * What the Management API's own description says of the paths that the lab plays (supabase/cli, June 2026), as facts: method, path (`~` is a
 * project), permission, status; after `<` the fields that a body must have, after `>` those of the answer (`?`: not always there, `[]`: of each of a list).
 * The metrics alone are not described; they were seen, and answer with text.
 */
export const described = `
GET /v1/organizations organizations_read 200 > [] id slug name
GET /v1/organizations/{slug} organization_admin_read 200 > id name plan? opt_in_tags allowed_release_channels
GET /v1/organizations/{slug}/entitlements organization_admin_read 200 > entitlements
GET /v1/organizations/{slug}/projects organization_projects_read 200 > projects pagination
GET /v1/projects projects_read 200 > [] id ref organization_id organization_slug name region created_at status database
POST /v1/projects organization_projects_create 201 < db_pass name organization_slug > id ref organization_id organization_slug name region created_at status
GET /v1/projects/available-regions - 200 > recommendations all
DELETE ~ project_admin_write 200 > id ref name
GET ~ project_admin_read 200 > id ref organization_id organization_slug name region created_at status database
GET ~/analytics/endpoints/metrics analytics_usage_read 200
GET ~/api-keys api_gateway_keys_read 200 > [] api_key? id? type? prefix? name description? hash? secret_jwt_template? inserted_at? updated_at?
POST ~/api-keys api_gateway_keys_write 201 < type name > api_key? id? type? prefix? name description? hash? secret_jwt_template? inserted_at? updated_at?
GET ~/billing/addons infra_add_ons_read 200 > selected_addons available_addons
PATCH ~/billing/addons infra_add_ons_write 200 < addon_variant addon_type
DELETE ~/billing/addons/{variant} infra_add_ons_write 200
DELETE ~/cli/login-role database_write 200 > message
POST ~/cli/login-role database_write 201 < read_only > role password ttl_seconds
GET ~/config/auth auth_config_read 200 > (auth)
PATCH ~/config/auth auth_config_write 200 < (auth) > (auth)
GET ~/config/auth/signing-keys auth_signing_keys_read 200 > keys
POST ~/config/auth/signing-keys auth_signing_keys_write 201 < algorithm > id algorithm status public_jwk? created_at updated_at
GET ~/config/auth/signing-keys/{id} auth_signing_keys_read 200 > id algorithm status public_jwk? created_at updated_at
PATCH ~/config/auth/signing-keys/{id} auth_signing_keys_write 200 < status > id algorithm status public_jwk? created_at updated_at
GET ~/config/auth/sso/providers auth_config_read 200 > items
GET ~/config/auth/third-party-auth auth_config_read 200 > [] id type oidc_issuer_url? jwks_url? custom_jwks? resolved_jwks? inserted_at updated_at resolved_at?
POST ~/config/auth/third-party-auth auth_config_write 201 > id type oidc_issuer_url? jwks_url? custom_jwks? resolved_jwks? inserted_at updated_at resolved_at?
GET ~/config/database/pooler database_pooling_config_read 200 > [] identifier database_type is_using_scram_auth db_user db_host db_port db_name connection_string connectionString default_pool_size max_client_conn pool_mode
PATCH ~/config/database/pooler database_pooling_config_write 200 > default_pool_size pool_mode
GET ~/config/database/postgres database_config_read 200 > effective_cache_size? logical_decoding_work_mem? maintenance_work_mem? track_activity_query_size? max_connections? max_locks_per_transaction? max_parallel_maintenance_workers? max_parallel_workers? max_parallel_workers_per_gather? max_replication_slots? max_slot_wal_keep_size? max_standby_archive_delay? max_standby_streaming_delay? max_wal_size? max_wal_senders? max_worker_processes? session_replication_role? shared_buffers? statement_timeout? track_commit_timestamp? wal_keep_size? wal_sender_timeout? work_mem? checkpoint_timeout? hot_standby_feedback?
PUT ~/config/database/postgres database_config_write 200 > effective_cache_size? logical_decoding_work_mem? maintenance_work_mem? track_activity_query_size? max_connections? max_locks_per_transaction? max_parallel_maintenance_workers? max_parallel_workers? max_parallel_workers_per_gather? max_replication_slots? max_slot_wal_keep_size? max_standby_archive_delay? max_standby_streaming_delay? max_wal_size? max_wal_senders? max_worker_processes? session_replication_role? shared_buffers? statement_timeout? track_commit_timestamp? wal_keep_size? wal_sender_timeout? work_mem? checkpoint_timeout? hot_standby_feedback?
GET ~/config/disk infra_disk_config_read 200 > attributes last_modified_at?
POST ~/config/disk infra_disk_config_write 201 < attributes
GET ~/config/disk/autoscale infra_disk_config_read 200 > growth_percent min_increment_gb max_size_gb
GET ~/config/disk/util infra_disk_config_read 200 > timestamp metrics
GET ~/config/realtime realtime_config_read 200 > private_only connection_pool max_concurrent_users max_events_per_second max_bytes_per_second max_channels_per_client max_joins_per_second max_presence_events_per_second max_payload_size_in_kb suspend presence_enabled
PATCH ~/config/realtime realtime_config_write 204
POST ~/config/realtime/shutdown realtime_config_write 204
GET ~/config/storage storage_config_read 200 > fileSizeLimit features capabilities external migrationVersion databasePoolMode
PATCH ~/config/storage storage_config_write 200
GET ~/database/backups backups_read 200 > region walg_enabled pitr_enabled backups physical_backup_data
POST ~/database/backups/restore backups_write 201 < id
POST ~/database/backups/restore-pitr backups_write 201 < recovery_time_target_unix
GET ~/database/backups/restore-point backups_read 200 > name status completed_on
POST ~/database/backups/restore-point backups_write 201 < name > name status completed_on
GET ~/database/backups/schedule backups_read 200 > schedule_for updated_at
PATCH ~/database/backups/schedule backups_write 200 < schedule_for > schedule_for updated_at
POST ~/database/backups/undo backups_write 201 < name
PATCH ~/database/password database_config_write 200 < password > message
GET ~/functions edge_functions_read 200 > [] id slug name status version created_at updated_at verify_jwt? import_map? entrypoint_path? import_map_path? ezbr_sha256?
POST ~/functions edge_functions_write 201 < slug name body > id slug name status version created_at updated_at verify_jwt? import_map? entrypoint_path? import_map_path? ezbr_sha256?
PUT ~/functions edge_functions_write 200 < [] id slug name status version > functions
POST ~/functions/deploy edge_functions_write 201 < form > id slug name status version created_at? updated_at? verify_jwt? import_map? entrypoint_path? import_map_path? ezbr_sha256?
DELETE ~/functions/{slug} edge_functions_write 200
GET ~/functions/{slug} edge_functions_read 200 > id slug name status version created_at updated_at verify_jwt? import_map? entrypoint_path? import_map_path? ezbr_sha256?
PATCH ~/functions/{slug} edge_functions_write 200 > id slug name status version created_at updated_at verify_jwt? import_map? entrypoint_path? import_map_path? ezbr_sha256?
GET ~/functions/{slug}/body edge_functions_read 200
GET ~/health project_admin_read 200 > [] name healthy status info? error?
GET ~/network-restrictions database_network_restrictions_read 200 > entitlement config old_config? status updated_at? applied_at?
POST ~/network-restrictions/apply database_network_restrictions_write 201 > entitlement config old_config? status updated_at? applied_at?
POST ~/pause project_admin_write 200
GET ~/pgsodium project_admin_write 200 > root_key
PUT ~/pgsodium project_admin_write 200 < root_key > root_key
GET ~/postgrest data_api_config_read 200 > db_schema max_rows db_extra_search_path db_pool jwt_secret?
PATCH ~/postgrest data_api_config_write 200 > db_schema max_rows db_extra_search_path db_pool
GET ~/readonly database_readonly_config_read 200 > enabled override_enabled override_active_until
POST ~/readonly/temporary-disable database_readonly_config_write 201
GET ~/restore project_admin_read 200 > available_versions
POST ~/restore project_admin_write 200
POST ~/restore/cancel project_admin_write 200
DELETE ~/secrets edge_functions_secrets_write 200 < []
GET ~/secrets edge_functions_secrets_read 200 > [] name value updated_at?
POST ~/secrets edge_functions_secrets_write 201 < [] name value
GET ~/ssl-enforcement database_ssl_config_read 200 > currentConfig appliedSuccessfully
PUT ~/ssl-enforcement database_ssl_config_write 200 < requestedConfig > currentConfig appliedSuccessfully
`;

/** Of the names of auth's settings, sorted, one a line. */
export const authNames = { count: 237, sha256: "0b0e65320da7a2289eac69c65b5cda3de793dc9f1c53927c04d12a357c13b9f8" };

/** A project's status. */
export const projectStatuses =
  "INACTIVE ACTIVE_HEALTHY ACTIVE_UNHEALTHY COMING_UP UNKNOWN GOING_DOWN INIT_FAILED REMOVED RESTORING UPGRADING PAUSING RESTORE_FAILED RESTARTING PAUSE_FAILED RESIZING";
