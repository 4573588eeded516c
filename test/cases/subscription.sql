-- report: supabase/supautils#103: a subscription is in no dump that anybody but a superuser makes, and nobody was told
-- names: subscription "from.old": missing: not in the target .*by hand
-- @as postgres
create schema subscribed;
create table subscribed.t (id int primary key);
insert into subscribed.t values (1);
-- @as superuser
create subscription "from.old" connection 'host=127.0.0.1 port=1 dbname=postgres user=replicator password=do-not-tell' publication p, "q r" with (connect = false, slot_name = none, enabled = false);
