-- What a version learned from, and how thoroughly: the gate can judge only what did not learn from it.
alter table model_versions add column effort varchar;
alter table model_versions add column trained_on varchar;
alter table model_versions add column datasets varchar;
