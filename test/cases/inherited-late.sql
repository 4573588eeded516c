-- report: a column that a parent got after its child stands elsewhere in the child after a dump and a restore, and in all that lists columns
-- @as postgres
create schema family;
create table family.grand (id int primary key, name text);
create table family.parent (size int) inherits (family.grand);
create table family.other (weight int, note text);
create table family.child (own text, size2 int) inherits (family.parent, family.other);
alter table family.grand add column late text default 'l', add column "last, one" int;
alter table family.other add column extra numeric;
alter table family.child add column note2 text, alter column late set default 'm';
insert into family.child (id, name, own, late, extra) values (1, 'k', 'o', 'later', 2.5);
create publication family_columns for table family.child (id, own, late, extra) where (late <> 'x');
create statistics family.together on own, late, extra from family.child;
create view family.shown as select * from family.child;
create index on family.child (late, own);
