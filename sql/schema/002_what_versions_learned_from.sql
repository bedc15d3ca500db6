-- Training effort and training digits of a version: the gate needs digits that a version did not train on.
alter table model_versions add column effort varchar;
alter table model_versions add column trained_on varchar;
alter table model_versions add column datasets varchar;
