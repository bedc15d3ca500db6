-- Insert the page revisions of the registered table new_page_revisions.
insert into page_revisions (
    revision_number, page_id, model_name, model_version, preprocessing_fingerprint, precision, broken_rules,
    revised_at
)
select
    revision_number, page_id, model_name, model_version, preprocessing_fingerprint, precision, broken_rules,
    $revised_at as revised_at
from new_page_revisions
