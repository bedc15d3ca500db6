-- Count the verdicts of a batch, and tell whether it was undone and whether it settled a blind reading.
select
    (select count(*) from reviews where batch_id = $batch_id)
    + (select count(*) from field_reviews where batch_id = $batch_id) as verdicts,
    exists (select 1 from review_undos where batch_id = $batch_id) as is_undone,
    coalesce(
        (select any_value(actor) from reviews where batch_id = $batch_id),
        (select any_value(actor) from field_reviews where batch_id = $batch_id)
    ) as actor,
    exists (select 1 from field_reviews where batch_id = $batch_id and mode = 'blind')
    or exists (select 1 from reviews where batch_id = $batch_id and mode = 'blind') as is_blind
